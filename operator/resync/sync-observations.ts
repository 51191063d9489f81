import { limitObservations } from '../../ledger/observation/limit-observations.ts';
import { endObservations, observationsOfCluster } from '../../ledger/observation/observations.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { collectEvidence, type EvidenceDeps } from '../observation/evidence.ts';
import { findGrant, isLimited } from '../observation/grant.ts';
import { byKey, isNew, keyOfObservation } from '../observation/known-observations.ts';
import { hasMirrorIn } from '../observation/mirror-proof.ts';
import { observeAddresses, type ObserveAddressesDeps, type SeenAddress } from '../observation/observe-addresses.ts';
import type { ForeignAddress } from '../workload/grant-or-observe.ts';
import { inBatches } from './batches.ts';

export type SyncObservationsDeps = EvidenceDeps &
  ObserveAddressesDeps &
  Pick<OperatorDeps, 'clusterId'> &
  Pick<Sources, 'allocations' | 'workloadOutOfSync'>;

/**
 * Makes the observations of the cluster equal to the addresses that a resync found in use and granted to nobody. Has the
 * objects reconciled whose address may be granted to them by now. `startedAt` is the ledger's time before the lists: an
 * observation made later may be of an object that the lists do not have.
 */
export async function syncObservations(
  foreign: readonly ForeignAddress[],
  startedAt: Date,
  deps: SyncObservationsDeps,
): Promise<{ readonly observed: number; readonly ended: number }> {
  const { ledger, clusterId, allocations, workloadOutOfSync, logger } = deps;
  const known = byKey(await observationsOfCluster(ledger, clusterId));
  if (foreign.length === 0 && known.size === 0) return { observed: 0, ended: 0 };
  const evidence = await collectEvidence({ occasion: 'usual', isMirrored: hasMirrorIn(allocations) }, deps);
  const seen: SeenAddress[] = [];
  const used = new Set<string>();
  for (const { address, row, isHeld } of foreign) {
    const key = keyOfObservation({ mac: address.mac, object: address.owner });
    used.add(key);
    const facts = await evidence.evidenceFor(address, row);
    const item = { address, limited: isLimited(facts) };
    const isGranted = !isHeld && findGrant(address, row, facts) !== undefined;
    if (isGranted) workloadOutOfSync.fire(address);
    // Until it is adopted, a known observation protects it. The limits below need to know whether they hold for it.
    if (isNew(item, known, deps) && (!isGranted || known.has(key))) seen.push(item);
  }
  for (const batch of inBatches(seen)) await observeAddresses(batch, deps);
  const unprotected = await limitObservations(ledger, { clusterId, pools: evidence.pools });
  if (unprotected > 0) logger.warn({ count: unprotected }, 'a pool has more observed addresses than it protects');
  const unused = [...known].flatMap(([key, each]) => (used.has(key) || each.since >= startedAt ? [] : [each]));
  let ended = 0;
  for (const batch of inBatches(unused)) ended += await endObservations(ledger, batch);
  return { observed: used.size, ended };
}
