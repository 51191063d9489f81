import { z } from 'zod';
import type { Queryable } from '../connection/statement.ts';
import { type AddressRef, addressRefSchema, itemsJson } from './address-ref.ts';
import { requireReason } from './reason.ts';
import { type Invalid, runEach } from './validate.ts';

export interface RenewItem extends AddressRef {
  /** Seconds from now. Default: the pool's auto-release period. */
  readonly ttlSeconds?: number | undefined;
}

export type RenewOutcome =
  /** Also if neither the item nor the pool has a period; then the expiry stays unchanged. */
  | { readonly outcome: 'renewed'; readonly expiresAt: Date }
  | { readonly outcome: 'never_expires' | 'not_owner' | 'unknown' }
  | Invalid;

const itemSchema = addressRefSchema.extend({ ttlSeconds: z.int().min(1).max(3_155_760_000).optional() });

const rowSchema = z.object({
  outcome: z.enum(['renewed', 'never_expires', 'not_owner', 'unknown']),
  expires_at: z.date().nullable(),
});

/** Says why somebody renews, for the audit. */
export interface RenewReason {
  readonly actor: string;
  readonly reason: string;
}

/** Extends the expiry of devices and claims. Nothing else changes, so there is an audit row only if somebody says why. */
export async function renew(db: Queryable, items: readonly RenewItem[], why?: RenewReason): Promise<RenewOutcome[]> {
  if (why !== undefined) requireReason(why.reason);
  return runEach(items, itemSchema, async (group): Promise<RenewOutcome[]> => {
    const rows = await db.query({
      text: `select outcome, expires_at from rock_mac.renew($1::jsonb, $2, $3) order by ord`,
      values: [
        itemsJson(group, ({ generation, key, ttlSeconds: ttl }) => ({ generation, key, ttl })),
        why?.actor,
        why?.reason,
      ],
      row: rowSchema,
    });
    return rows.map(({ outcome, expires_at: expiresAt }) => {
      if (outcome !== 'renewed') return { outcome };
      if (expiresAt === null) throw new Error('renewed without an expiry');
      return { outcome, expiresAt };
    });
  });
}
