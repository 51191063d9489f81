import { findByOwnerUid } from '../../ledger/address/find.ts';
import { releaseByKey, type ReleaseByKeyDeps } from '../allocation/release-by-key.ts';
import type { OperatorDeps } from '../dependencies.ts';
import type { Identity } from '../wiring/identity-key.ts';
import type { WorkloadKind } from './workload.ts';

export type ReleaseUnmirroredDeps = ReleaseByKeyDeps & Pick<OperatorDeps, 'clusterId' | 'client' | 'logger'>;

/**
 * Releases the addresses of a deleted object that has no mirror, because it appeared in a terminating namespace. The
 * addresses of all other objects are released with their mirrors, in mirror/release-deleted-workload.ts.
 */
export async function releaseUnmirrored(
  { namespace, name, uid }: Identity,
  kind: WorkloadKind,
  deps: ReleaseUnmirroredDeps,
): Promise<void> {
  const { ledger, clusterId, client, logger } = deps;
  for (const row of await findByOwnerUid(ledger, clusterId, uid)) {
    if (row.state !== 'active' || row.owner?.kind !== kind.resource.kind) continue;
    if (await kind.stillUses({ namespace, name, uid, mac: row.mac }, client)) continue;
    const outcome = await releaseByKey(row.key, { force: false, reason: 'object is gone' }, deps);
    logger.info({ kind: row.owner.kind, namespace, name, mac: row.mac, outcome }, 'address without a mirror released');
  }
}
