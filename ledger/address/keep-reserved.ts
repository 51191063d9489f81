import type { Queryable } from '../connection/statement.ts';
import { type AddressRef, addressRefSchema, addressRefsJson, outcomeStatement } from './address-ref.ts';
import { type Invalid, runEach } from './validate.ts';

const OUTCOMES = ['kept', 'not_owner', 'not_reserved', 'has_consumer', 'unknown'] as const;

/** `has_consumer`: a pod or VM uses it. */
export type KeepOutcome = { readonly outcome: (typeof OUTCOMES)[number] } | Invalid;

/**
 * Records that the claim of a reserved address was deleted without force. The address stays reserved. The next claim of
 * the same namespace that requests it by name gets it (`allocate` with `requested`).
 */
export async function keepReserved(
  db: Queryable,
  items: readonly AddressRef[],
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<KeepOutcome[]> {
  const text = `select outcome from rock_mac.keep_reserved($1::jsonb, $2, $3) order by ord`;
  return runEach(items, addressRefSchema, (group) =>
    db.query(outcomeStatement(text, [addressRefsJson(group), actor, reason], OUTCOMES)),
  );
}
