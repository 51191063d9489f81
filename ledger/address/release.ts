import { z } from 'zod';
import type { Queryable } from '../connection/statement.ts';
import { type AddressRef, addressRefSchema, addressRefsJson, itemsJson, outcomeStatement } from './address-ref.ts';
import { type Invalid, runEach } from './validate.ts';

const OUTCOMES = [
  'released',
  'already_released',
  'not_owner',
  'unknown',
  'needs_force',
  'has_consumer',
  'unreachable',
] as const;

/**
 * `already_released`: this owner released it before. `not_owner`: the owner, generation or key has changed.
 * `needs_force`: it is reserved or orphaned. `has_consumer`: a pod or VM uses the claim. `unreachable`: it is sticky, and its last
 * pod may still run on a node that does not respond.
 */
export type ReleaseOutcome = { readonly outcome: (typeof OUTCOMES)[number] } | Invalid;

/** An address to release. */
export interface ReleaseItem extends AddressRef {
  /** Whether nobody saw the end of its pod, which may still run. Then nobody gets the address before the end of its reuse delay. */
  readonly endUnseen?: boolean | undefined;
}

const releaseItemSchema = addressRefSchema.extend({ endUnseen: z.boolean().optional() });

export interface ReleaseOptions {
  /** Also releases reserved, orphaned and unreachable addresses, and claims used by a consumer of a retired cluster. */
  readonly force?: boolean;
  readonly actor: string;
  readonly reason: string;
}

/**
 * Releases addresses for their owners. Owners of other namespaces get them after the pool's reuse delay. Returns outcomes in order.
 */
export async function release(
  db: Queryable,
  items: readonly ReleaseItem[],
  { force = false, actor, reason }: ReleaseOptions,
): Promise<ReleaseOutcome[]> {
  const text = `select outcome from rock_mac.release($1::jsonb, $2, $3, $4) order by ord`;
  const columns = ({ generation, key, endUnseen }: ReleaseItem) => ({ generation, key, end_unseen: endUnseen });
  return runEach(items, releaseItemSchema, (group) =>
    db.query(outcomeStatement(text, [itemsJson(group, columns), force, actor, reason], OUTCOMES)),
  );
}

const ROLL_BACK_OUTCOMES = ['released', 'already_released', 'not_owner', 'unknown', 'bound'] as const;

/** `bound`: its object was stored after all. The others are as in `ReleaseOutcome`. */
export type RollBackOutcome = { readonly outcome: (typeof ROLL_BACK_OUTCOMES)[number] } | Invalid;

/**
 * Releases pending addresses that no answer contained. Those of objects without a name are free at once, the others after
 * ten minutes at most: two requests for one named object share its address.
 */
export async function rollBack(
  db: Queryable,
  items: readonly AddressRef[],
  { actor, reason }: Pick<ReleaseOptions, 'actor' | 'reason'>,
): Promise<RollBackOutcome[]> {
  const text = `select outcome from rock_mac.roll_back($1::jsonb, $2, $3) order by ord`;
  return runEach(items, addressRefSchema, (group) =>
    db.query(outcomeStatement(text, [addressRefsJson(group), actor, reason], ROLL_BACK_OUTCOMES)),
  );
}
