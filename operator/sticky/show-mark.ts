import type { UnreachableConsumer } from '../../api/mac-allocation.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { stickyStatus } from './status.ts';

/** Writes a mark into the status of a sticky claim, or removes it (`undefined`). This needs no ledger. */
export async function showMark(
  claim: MacAllocation,
  consumer: UnreachableConsumer | undefined,
  { client, now }: Pick<OperatorDeps, 'client' | 'now'>,
): Promise<void> {
  const status = stickyStatus(claim, claim.spec.stickyFor?.name ?? '', consumer, now());
  await writeStatus(macAllocations, claim, status, client);
}
