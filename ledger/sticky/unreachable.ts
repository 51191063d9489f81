import { z } from 'zod';
import type { MacAddress } from '../../mac/mac-address.ts';
import { type AddressRef, addressRefSchema, addressRefsJson, outcomeStatement } from '../address/address-ref.ts';
import { ADDRESS_COLUMNS, type AddressRow, addressRowSchema } from '../address/address-row.ts';
import { addrSchema } from '../address/owner.ts';
import { type Invalid, requireValid, runEach } from '../address/validate.ts';
import { storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';

/*
 * A pod on a node that does not respond may still run after it was deleted by force. Until its end is known, its sticky addresses are
 * marked, and the next pod of its name does not get them (`consumer_unreachable`).
 */

/** A node of a cluster. */
export interface NodeOf {
  readonly clusterId: string;
  readonly node: string;
}

const nodeSchema = z.object({ clusterId: storableText(64), node: storableText(253).refine((name) => name !== '') });

/**
 * `marked`: it has the mark of this node, now or before. `other_node`: it has that of another node, which stays. `not_held`: its
 * owner has changed, or it is not sticky, or not active (a pending one is bound first).
 */
export type MarkUnreachableOutcome = { readonly outcome: 'marked' | 'other_node' | 'not_held' } | Invalid;

/** Marks the sticky addresses of the pods of a node that does not respond. */
export async function markUnreachable(
  db: Queryable,
  node: NodeOf,
  items: readonly AddressRef[],
  actor: string,
): Promise<MarkUnreachableOutcome[]> {
  requireValid(nodeSchema, node, 'The mark of a node');
  const text = `select outcome from rock_mac.mark_unreachable($1, $2::jsonb, $3, $4) order by ord`;
  return runEach(items, addressRefSchema, (group) =>
    db.query(
      outcomeStatement(
        text,
        [node.clusterId, addressRefsJson(group), node.node, actor],
        ['marked', 'other_node', 'not_held'],
      ),
    ),
  );
}

export interface ClearOptions {
  /** Only these addresses. Default: all that have the mark of the node. */
  readonly items?: readonly AddressRef[] | undefined;
  readonly actor: string;
  readonly reason: string;
}

/** Ends the marks of a node, and returns the addresses that had one. The caller knows that their pods have ended. */
export async function clearUnreachable(
  db: Queryable,
  node: NodeOf,
  { items, actor, reason }: ClearOptions,
): Promise<MacAddress[]> {
  requireValid(nodeSchema, node, 'The mark of a node');
  requireValid(z.array(addressRefSchema).optional(), items, 'The end of marks');
  const rows = await db.query({
    text: `select addr from rock_mac.clear_unreachable($1, $2, $3::jsonb, $4, $5) addr order by addr`,
    values: [node.clusterId, node.node, items && addressRefsJson(items), actor, reason],
    row: z.object({ addr: addrSchema }),
  });
  return rows.map(({ addr }) => addr);
}

/** Returns the addresses of a cluster that have the mark of any node (`unreachableNode`), in numeric order. */
export function listUnreachable(db: Queryable, clusterId: string): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where a.cluster_id = $1 and a.unreachable_node is not null order by a.addr`,
    values: [clusterId],
    row: addressRowSchema,
  });
}
