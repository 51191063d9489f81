import { hashedName } from '../../api/hashed-name.ts';
import type { ObservationObject } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { mac } from '../../mac/mac-address.ts';
import type { ListedObservation } from '../observation/list-observations.ts';
import type { Observation } from '../observation/observations.ts';
import { wholeSeconds } from './address-view.ts';

/** An observation as the CLI shows it. */
export type ObservationView = Pick<
  ListedObservation,
  'mac' | 'pool' | 'clusterName' | 'object' | 'running' | 'segment' | 'since'
>;

/** Returns the name of an observation in the read API. An address may be observed on many interfaces. */
export function observationName({
  mac: address,
  object: { clusterId, uid, nic },
}: Pick<Observation, 'mac' | 'object'>) {
  return hashedName(address.replaceAll(':', '-'), [clusterId, uid, nic]);
}

/** Returns the object of the read API for an observation. */
export function encodeObservation(observation: ListedObservation): ObservationObject {
  const { mac: address, pool, clusterName, object, running, segment, since } = observation;
  return {
    apiVersion: `${LEDGER_GROUP}/${LEDGER_VERSION}`,
    kind: 'Observation',
    metadata: { name: observationName(observation), creationTimestamp: wholeSeconds(since) },
    mac: address,
    pool,
    clusterName,
    object: { ...object },
    running,
    segment: segment === '' ? undefined : segment,
    since: since.toISOString(),
  };
}

/** Returns the observation of an object of the read API. */
export function decodeObservation({
  mac: address,
  pool,
  clusterName,
  object,
  ...rest
}: ObservationObject): ObservationView {
  const { uid = '' } = object;
  return {
    mac: mac(address),
    pool,
    clusterName,
    object: { ...object, uid },
    running: rest.running,
    segment: rest.segment ?? '',
    since: new Date(rest.since),
  };
}
