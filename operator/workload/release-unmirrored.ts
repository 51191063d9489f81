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
 *
 * Whether the object is gone is asked under the name that the ledger recorded: the author of another object may have named this uid
 * as its owner's, with a made-up name.
 */
export async function releaseUnmirrored(
  { uid }: Pick<Identity, 'uid'>,
  kind: WorkloadKind,
  deps: ReleaseUnmirroredDeps,
): Promise<void> {
  const { ledger, groupedCalls, client, logger } = deps;
  for (const row of await groupedCalls.findByOwnerUid(uid)) {
    const { owner, mac } = row;
    if (row.state !== 'active' || owner?.kind !== kind.resource.kind) continue;
    if (await kind.stillUses({ ...owner, uid, mac }, client)) continue;
    const outcome = await releaseGone({ ...row, endUnseen: isEndUnseen(uid, kind, deps) }, deps);
    const { namespace, name } = owner;
    logger.info({ kind: owner.kind, namespace, name, mac, outcome }, 'address without a mirror released');
  }
  const unused: Observation[] = [];
  for (const observation of await groupedCalls.observationsOfObject(uid)) {
    const { object, mac } = observation;
    if (object.kind !== kind.resource.kind) continue;
    if (!(await kind.stillUses({ ...object, mac }, client))) unused.push(observation);
  }
  if (unused.length > 0) await endObservations(ledger, unused);
}
