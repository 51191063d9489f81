import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { findByHolderKeys } from '../../ledger/address/find.ts';
import { markUnreachable } from '../../ledger/sticky/unreachable.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { stickyAddressOf } from './claim.ts';

/**
 * Marks the addresses again whose sticky claims show a mark, after the ledger may have lost it. Whether a mark may end is decided
 * later, when the controllers run: until then the next pod of the name must not get the address.
 */
export async function markAgain(
  claims: readonly MacAllocation[],
  deps: Pick<OperatorDeps, 'ledger' | 'kinds' | 'clusterId' | 'actor' | 'logger'>,
): Promise<void> {
  const { ledger, clusterId, actor, logger } = deps;
  const shown = claims.flatMap((claim) => {
    const node = claim.status?.unreachableConsumer?.node;
    const address = node === undefined ? undefined : stickyAddressOf(claim, deps);
    return node === undefined || address === undefined ? [] : [{ ...address, node }];
  });
  for (const [node, addresses] of Map.groupBy(shown, (each) => each.node)) {
    const macs = new Map(addresses.map(({ key, mac }) => [key, mac]));
    const held = await findByHolderKeys(ledger, [...macs.keys()]);
    const rows = held.filter((row) => row.unreachableNode === undefined && macs.get(row.key) === row.mac);
    if (rows.length === 0) continue;
    await markUnreachable(ledger, { clusterId, node }, rows, actor);
    logger.warn({ node, count: rows.length }, 'the ledger had lost marks of sticky addresses, which their claims show');
  }
}
