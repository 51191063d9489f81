import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { releaseByKey, type ReleaseByKeyDeps } from '../allocation/release-by-key.ts';
import type { OperatorDeps } from '../dependencies.ts';
import type { MirroredAddress } from './mirror.ts';

export type ReleaseMirroredDeps = ReleaseByKeyDeps & Pick<OperatorDeps, 'clusterId' | 'logger' | 'now'>;

/** How long an unavailable ledger delays the deletion of a mirror. */
const LEDGER_PATIENCE_MS = 60_000;

/**
 * Releases the address of a deleted pod, VM or VMI by its mirror, which is being deleted.
 *
 * An unavailable ledger must not block the deletion of namespaces. So after a minute this returns `done` without a release.
 * The address then stays held until resyncs have missed it for its pool's period.
 */
export async function releaseMirroredAddress(
  mirror: MacAllocation,
  { consumer: { uid, nic }, namespace, mac }: MirroredAddress,
  deps: ReleaseMirroredDeps,
): Promise<'done' | 'later'> {
  const { clusterId, logger, now } = deps;
  const log = { namespace, mirror: mirror.metadata.name, mac };
  try {
    const key = boundKey({ clusterId, uid, nic, mac });
    const outcome = await releaseByKey(key, { force: false, reason: 'object is gone' }, deps);
    // Any other outcome means that an earlier reconcile has released it, which the cached mirror does not show yet.
    const level = outcome === 'released' ? 'info' : 'debug';
    logger[level]({ ...log, outcome }, 'address released');
    return 'done';
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const waitedMs = now().getTime() - Date.parse(mirror.metadata.deletionTimestamp ?? '');
    if (waitedMs < LEDGER_PATIENCE_MS) return 'later';
    logger.warn(
      { ...log, err: error },
      'the ledger is unavailable: the mirror is removed, and a later resync releases its address',
    );
    return 'done';
  }
}
