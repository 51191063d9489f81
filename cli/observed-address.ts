import type { ObservationView } from '../ledger/view/observation-view.ts';
import type { Address } from './backend.ts';

/** Returns an observation as lists of addresses show it: the object that uses the address, which it does not own. */
export function observedAddress({ mac, pool, clusterName, object, running, segment, since }: ObservationView): Address {
  return {
    mac,
    pool: pool ?? '',
    state: 'observed',
    observed: true,
    owner: object,
    clusterName,
    allocatedAt: since,
    metadata: { running, ...(segment !== '' && { segment }) },
  };
}
