import type { Queryable } from '../connection/statement.ts';
import { type AddressRef, addressRefSchema, addressRefsJson, outcomeStatement } from './address-ref.ts';
import { type Invalid, runEach } from './validate.ts';

const OUTCOMES = ['released', 'already_released', 'not_owner', 'unknown', 'renewed', 'has_consumer', 'held'] as const;

/**
 * `renewed`: its time is not over, because it was renewed or bound. `has_consumer`: a pod or VM uses the claim. `held`: the
 * clock of the database is not believed, so nothing expires.
 */
export type ReleaseExpiredOutcome = { readonly outcome: (typeof OUTCOMES)[number] } | Invalid;

/** Releases pending addresses without an object, and claims, if their time is still over. */
export async function releaseExpired(
  db: Queryable,
  items: readonly AddressRef[],
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<ReleaseExpiredOutcome[]> {
  const text = `select outcome from rock_mac.release_expired($1::jsonb, $2, $3) order by ord`;
  return runEach(items, addressRefSchema, (group) =>
    db.query(outcomeStatement(text, [addressRefsJson(group), actor, reason], OUTCOMES)),
  );
}
