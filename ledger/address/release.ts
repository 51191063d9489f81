import { addressRefSchema, addressRefsJson, outcomeStatement, type AddressRef } from './address-ref.ts';
import type { Queryable } from '../connection/statement.ts';
import { runEach, type Invalid } from './validate.ts';

const OUTCOMES = ['released', 'already_released', 'not_owner', 'unknown', 'needs_force', 'has_consumer'] as const;

/**
 * `already_released`: this owner released it before. `not_owner`: the owner, generation or key has changed.
 * `needs_force`: it is reserved or orphaned. `has_consumer`: a pod or VM uses the claim.
 */
export type ReleaseOutcome = { readonly outcome: (typeof OUTCOMES)[number] } | Invalid;

export interface ReleaseOptions {
  /** Also releases reserved and orphaned addresses, and claims used by a consumer of a retired cluster. */
  readonly force?: boolean;
  readonly actor: string;
  readonly reason: string;
}

/**
 * Releases addresses for their owners. Other owners get them after the pool's reuse delay. Returns outcomes in order.
 */
export async function release(
  db: Queryable,
  items: readonly AddressRef[],
  { force = false, actor, reason }: ReleaseOptions,
): Promise<ReleaseOutcome[]> {
  const text = `select outcome from rock_mac.release($1::jsonb, $2, $3, $4) order by ord`;
  return runEach(items, addressRefSchema, (group) =>
    db.query(outcomeStatement(text, [addressRefsJson(group), force, actor, reason], OUTCOMES)),
  );
}
