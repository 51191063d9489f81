import { findByHolderKeys } from '../../ledger/address/find.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { type Sources, stickyIndex } from '../controller/operator-sources.ts';
import type { Workload, WorkloadKind } from '../live/workload.ts';
import { stickyAddressOf } from './claim.ts';

export type LacksMarkDeps = Pick<OperatorDeps, 'ledger' | 'kinds' | 'clusterId'> &
  Pick<Sources, 'allocations' | 'markChanged'>;

/**
 * Returns whether the ledger does not have a mark yet that a sticky claim of the object's name shows, because it was away when the node
 * fell silent. It would answer with an address that the last pod may still use. The nodes of such marks are reconciled at once.
 */
export async function lacksMark(
  { metadata }: Pick<Workload, 'metadata'>,
  { resource }: Pick<WorkloadKind, 'resource'>,
  deps: LacksMarkDeps,
): Promise<boolean> {
  const { allocations, ledger, markChanged } = deps;
  const nodes = new Map(
    allocations.by('sticky', stickyIndex({ ...metadata, kind: resource.kind })).flatMap((claim) => {
      const node = claim.status?.unreachableConsumer?.node;
      const key = stickyAddressOf(claim, deps)?.key;
      return node === undefined || key === undefined ? [] : [[key, node] as const];
    }),
  );
  const rows = nodes.size === 0 ? [] : await findByHolderKeys(ledger, [...nodes.keys()]);
  const lacking = rows.filter(({ unreachableNode }) => unreachableNode === undefined);
  for (const { key } of lacking) markChanged.fire(nodes.get(key) ?? '');
  return lacking.length > 0;
}
