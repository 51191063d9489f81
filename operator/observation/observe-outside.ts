import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { byKey, isNew } from './known-observations.ts';
import { observeAddresses, type ObserveAddressesDeps } from './observe-addresses.ts';

export type ObserveOutsideDeps = ObserveAddressesDeps & Pick<OperatorDeps, 'groupedCalls' | 'client'>;

/**
 * Observes the addresses of one object that are under no prefix of the ledger. Nobody grants such an address, so no proof is
 * looked for. An object whose addresses are known costs one read, shared with other objects.
 */
export async function observeOutside(found: readonly WorkloadAddress[], deps: ObserveOutsideDeps): Promise<void> {
  const { groupedCalls, client } = deps;
  const [first] = found;
  if (first === undefined) return;
  const known = byKey(await groupedCalls.observationsOfObject(first.owner.uid));
  const seen = found.map((address) => ({ address, limited: true })).filter((each) => isNew(each, known, deps));
  if (seen.length === 0) return;
  // The cache may still have an object that was just deleted.
  const live = await getOrUndefined(first.kind.resource, first.owner, client);
  if (live?.metadata.uid !== first.owner.uid) return;
  await observeAddresses(
    seen.filter(({ address }) => live.uses.includes(address.mac)),
    deps,
  );
}
