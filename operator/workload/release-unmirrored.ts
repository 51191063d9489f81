import { findByOwnerUid } from '../../ledger/address/find.ts';
import type { WorkloadKind } from './workload.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { releaseHolder } from '../allocation/release-by-key.ts';

/** Which object is meant: its name may have another owner by now. */
export interface Identity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/**
 * Releases what the ledger holds for an object that is gone and has no mirror: one of a namespace that was being deleted
 * when it appeared. Everything else is released by its mirror.
 */
export async function releaseDeleted(
  { namespace, name, uid }: Identity,
  kind: WorkloadKind,
  context: OperatorDeps,
): Promise<void> {
  const { ledger, clusterId, client, logger } = context;
  for (const row of await findByOwnerUid(ledger, clusterId, uid)) {
    if (row.state !== 'active' || row.owner?.kind !== kind.resource.kind) continue;
    if (await kind.stillUses({ namespace, name, uid, mac: row.mac }, client)) continue;
    const outcome = await releaseHolder(row.key, { force: false, reason: 'object is gone' }, context);
    logger.info({ kind: row.owner.kind, namespace, name, mac: row.mac, outcome }, 'address without a mirror released');
  }
}
