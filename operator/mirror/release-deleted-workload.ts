import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { isNeed, type Need } from '../allocation/find-need.ts';
import { type ReleaseByKeyDeps, releaseEnded, releaseGone } from '../allocation/release-by-key.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { isEndUnseen } from '../live/ended-workloads.ts';
import type { MirroredAddress } from './mirror.ts';
import { mayGoWithoutLedger } from './terminating-namespace.ts';

export type ReleaseMirroredDeps = ReleaseByKeyDeps &
  Pick<OperatorDeps, 'groupedCalls' | 'clusterId' | 'logger' | 'now'> &
  Pick<Sources, 'ended'>;

const STAYS_HELD: Readonly<Record<Need, string>> = {
  used_by_guest: 'address stays held, because a guest that migrated elsewhere uses it',
  left: 'address left to the machine that receives it',
  waits: 'address stays held until the cluster of its receiver has compared itself with the ledger',
};

/**
 * Releases the address of a deleted pod, VM or VMI by its mirror, which is being deleted.
 *
 * A mirror waits for an unavailable ledger as long as it takes: the release at its end needs nobody's approval. But an
 * unavailable ledger must not block the deletion of a namespace. So in a terminating namespace this returns `done` after a
 * minute without a release. The address then stays held until resyncs have missed it for its pool's period.
 */
export async function releaseMirroredAddress(
  mirror: MacAllocation,
  { kind, consumer: { uid, nic }, namespace, mac }: MirroredAddress,
  deps: ReleaseMirroredDeps,
): Promise<'done' | 'later'> {
  const { clusterId, logger } = deps;
  const log = { namespace, mirror: mirror.metadata.name, mac };
  try {
    const key = boundKey({ clusterId, uid, nic, mac });
    const generation = kind.endsItsUse ? mirror.spec.ledger?.generation : undefined;
    const endUnseen = isEndUnseen(uid, kind, deps);
    const outcome = await (generation === undefined
      ? releaseGone({ key, endUnseen }, deps)
      : releaseEnded({ mac, generation, key, endUnseen }, deps));
    if (isNeed(outcome)) {
      logger.info(log, STAYS_HELD[outcome]);
      return 'done';
    }
    // Any other outcome means that an earlier reconcile has released it, which the cached mirror does not show yet.
    const level = outcome === 'released' ? 'info' : 'debug';
    logger[level]({ ...log, outcome }, 'address released');
    return 'done';
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    if (!(await mayGoWithoutLedger(mirror.metadata, deps))) return 'later';
    logger.warn(
      { ...log, err: error },
      'the ledger is unavailable: the mirror is removed, and a later resync releases its address',
    );
    return 'done';
  }
}
