import {
  type AddressRef,
  addressRefSchema,
  addressRefsJson,
  itemsJson,
  outcomeStatement,
} from '../address/address-ref.ts';
import { ownerColumns } from '../address/allocate.ts';
import { type Owner, ownerSchema } from '../address/owner.ts';
import { type Invalid, runEach } from '../address/validate.ts';
import { storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';

/** An address of a stock, and the object for which the webhook answered with it. */
export interface StockAssignment extends AddressRef {
  /** The holder key that an allocation for the same request would have. */
  readonly boundKey: string;
  readonly owner: Owner;
  readonly requester: string;
  readonly reason: string;
}

const ASSIGN_OUTCOMES = ['assigned', 'second', 'not_stocked'] as const;

/**
 * `second`: the holder key has an address already, and it is not known which of the two was stored. So this one is pending under
 * its own key. `not_stocked`: the operator has bound it, or it is no stock any more.
 */
export type AssignOutcome = { readonly outcome: (typeof ASSIGN_OUTCOMES)[number] } | Invalid;

const assignmentSchema = addressRefSchema.extend({
  boundKey: storableText(600),
  owner: ownerSchema,
  requester: storableText(1024),
  reason: storableText(1024),
});

/**
 * Records for whom a webhook answered with addresses of its stock. They are pending then, with a lease. Throws a retryable error
 * while no standby would have the answers, although the ledger demands one.
 */
export async function assignStock(
  db: Queryable,
  items: readonly StockAssignment[],
  { leaseSeconds, actor }: { readonly leaseSeconds: number; readonly actor: string },
): Promise<AssignOutcome[]> {
  const text = `select outcome from rock_mac.assign_stock($1::jsonb, make_interval(secs => $2), $3) order by ord`;
  return runEach(items, assignmentSchema, (group) =>
    db.query(outcomeStatement(text, [assignmentsJson(group), leaseSeconds, actor], ASSIGN_OUTCOMES)),
  );
}

function assignmentsJson(items: readonly StockAssignment[]): string {
  return itemsJson(items, ({ generation, key, boundKey, owner, requester, reason }) => ({
    generation,
    key,
    bound_key: boundKey,
    ...ownerColumns(owner),
    requester,
    reason,
  }));
}

/** A statement for so many addresses takes some milliseconds. Others get their locks between two. */
const RETURN_AT_ONCE = 256;

const RETURN_OUTCOMES = ['returned', 'not_stocked'] as const;

export type ReturnOutcome = { readonly outcome: (typeof RETURN_OUTCOMES)[number] } | Invalid;

/**
 * Returns addresses of a stock to their pools. `unused`: the living holder never answered with them, so they are free at once.
 * Otherwise they wait for the reuse delay, and what a recovery has set aside is returned too.
 */
export async function returnStock(
  db: Queryable,
  addresses: readonly AddressRef[],
  { unused, actor, reason }: { readonly unused: boolean; readonly actor: string; readonly reason: string },
): Promise<ReturnOutcome[]> {
  const text = `select outcome from rock_mac.return_stock($1::jsonb, $2, $3, $4) order by ord`;
  const outcomes: ReturnOutcome[] = [];
  for (let start = 0; start < addresses.length; start += RETURN_AT_ONCE) {
    const group = addresses.slice(start, start + RETURN_AT_ONCE);
    const returned = await runEach(group, addressRefSchema, (valid) =>
      db.query(outcomeStatement(text, [addressRefsJson(valid), unused, actor, reason], RETURN_OUTCOMES)),
    );
    outcomes.push(...returned);
  }
  return outcomes;
}
