import { endObservations, type Observation } from '../../ledger/observation/observations.ts';
import { type ReleaseByKeyDeps, releaseGone } from '../allocation/release-by-key.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Identity } from '../controller/identity-key.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { isEndUnseen } from '../live/ended-workloads.ts';
import type { WorkloadKind } from '../live/workload.ts';

export type ReleaseUnmirroredDeps = ReleaseByKeyDeps &
  Pick<OperatorDeps, 'groupedCalls' | 'client' | 'logger'> &
  Pick<Sources, 'ended'>;

/**
 * Releases the addresses of a deleted object that has no mirror, because it appeared in a terminating namespace, and ends
 * the observations of the object. The addresses of all other objects are released with their mirrors, in
 * mirror/release-deleted-workload.ts, and their observations end with the next resync.
 */
export async function releaseUnmirrored(
  { namespace, name, uid }: Identity,
  kind: WorkloadKind,
  deps: ReleaseUnmirroredDeps,
): Promise<void> {
  const { ledger, groupedCalls, client, logger } = deps;
  for (const row of await groupedCalls.findByOwnerUid(uid)) {
    if (row.state !== 'active' || row.owner?.kind !== kind.resource.kind) continue;
    if (await kind.stillUses({ namespace, name, uid, mac: row.mac }, client)) continue;
    const outcome = await releaseGone({ ...row, endUnseen: isEndUnseen(uid, kind, deps) }, deps);
    logger.info({ kind: row.owner.kind, namespace, name, mac: row.mac, outcome }, 'address without a mirror released');
  }
  const unused: Observation[] = [];
  for (const observation of await groupedCalls.observationsOfObject(uid)) {
    if (observation.object.kind !== kind.resource.kind) continue;
    if (!(await kind.stillUses({ namespace, name, uid, mac: observation.mac }, client))) unused.push(observation);
  }
  if (unused.length > 0) await endObservations(ledger, unused);
}
