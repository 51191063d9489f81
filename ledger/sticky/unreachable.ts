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

/** Ends the marks of a node, and returns the addresses that had one. The caller knows that their pods have ended. */
export async function clearUnreachable(
  db: Queryable,
  node: NodeOf,
  items: readonly AddressRef[],
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<MacAddress[]> {
  requireValid(nodeSchema, node, 'The mark of a node');
  requireValid(z.array(addressRefSchema), items, 'The end of marks');
  const rows = await db.query({
    text: `select addr from rock_mac.clear_unreachable($1, $2, $3::jsonb, $4, $5) addr order by addr`,
    values: [node.clusterId, node.node, addressRefsJson(items), actor, reason],
    row: z.object({ addr: addrSchema }),
  });
  return rows.map(({ addr }) => addr);
}

/** Returns the addresses that have the mark of a node, in numeric order. */
export function listUnreachable(db: Queryable, { clusterId, node }: NodeOf): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where a.cluster_id = $1 and a.unreachable_node = $2 order by a.addr`,
    values: [clusterId, node],
    row: addressRowSchema,
  });
}

/** Returns the nodes of a cluster whose mark some address has. */
export async function listUnreachableNodes(db: Queryable, clusterId: string): Promise<readonly string[]> {
  const rows = await db.query({
    text: `select distinct unreachable_node as node from rock_mac.addresses
           where cluster_id = $1 and unreachable_node is not null order by node`,
    values: [clusterId],
    row: z.object({ node: z.string() }),
  });
  return rows.map(({ node }) => node);
}
