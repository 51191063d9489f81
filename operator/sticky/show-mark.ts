import type { UnreachableConsumer } from '../../api/mac-allocation.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { longestGrace } from './longest-grace.ts';
import { stickyStatus } from './status.ts';

/**
 * Writes a mark into the status of a sticky claim, or removes it (`undefined`). This needs no ledger. The mark of another node is
 * replaced, and its pod keeps its grace period: the ledger may still have that mark.
 */
export async function showMark(
  claim: MacAllocation,
  consumer: UnreachableConsumer | undefined,
  { client, now }: Pick<OperatorDeps, 'client' | 'now'>,
): Promise<void> {
  const mark = consumer && longestGrace(consumer, claim.status?.unreachableConsumer);
  const status = stickyStatus(claim, claim.spec.stickyFor?.name ?? '', mark, now());
  await writeStatus(macAllocations, claim, status, client);
}
