import { heldItemSchema, heldItemsJson, outcomeStatement, type HeldItem } from './held-item.ts';
import type { Queryable } from '../connection/statement.ts';
import { runEach, type Invalid } from './validate.ts';

const OUTCOMES = ['released', 'already_released', 'not_owner', 'unknown', 'needs_force', 'has_consumer'] as const;

/**
 * `already_released`: this owner gave it up before. `not_owner`: it has another owner, generation or key by now.
 * `needs_force`: it is reserved or orphaned. `has_consumer`: a claim that a pod or VM uses.
 */
export type ReleaseOutcome = { readonly outcome: (typeof OUTCOMES)[number] } | Invalid;

export interface ReleaseOptions {
  /** Also what is reserved or orphaned, and what a consumer of a retired cluster used. */
  readonly force?: boolean;
  readonly actor: string;
  readonly reason: string;
}

/** Gives addresses up for their owners. Others get them when the pool's reuse delay has passed. Answers in order. */
export async function release(
  db: Queryable,
  items: readonly HeldItem[],
  { force = false, actor, reason }: ReleaseOptions,
): Promise<ReleaseOutcome[]> {
  const text = `select outcome from rock_mac.release($1::jsonb, $2, $3, $4) order by ord`;
  return runEach(items, heldItemSchema, (group) =>
    db.query(outcomeStatement(text, [heldItemsJson(group), force, actor, reason], OUTCOMES)),
  );
}
