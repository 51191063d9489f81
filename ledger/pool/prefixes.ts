import { z } from 'zod';
import { type MacPrefix, parsePrefix } from '../../mac/mac-range.ts';
import { requireReason } from '../address/reason.ts';
import { requireValid } from '../address/validate.ts';
import { storableText } from '../column-schemas.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';

/** Whose addresses they are: assigned to us by IEEE, locally administered, or assigned to a vendor whose devices we have. */
export const PREFIX_KINDS = ['ieee', 'local', 'vendor'] as const;
export type PrefixKind = (typeof PREFIX_KINDS)[number];

/** A prefix of the ledger. Every pool lies under one of them. */
export interface LedgerPrefix {
  readonly prefix: MacPrefix;
  readonly kind: PrefixKind;
  readonly note: string;
  readonly addedAt: Date;
  readonly addedBy: string;
}

const prefixColumn = z.string().transform((text, context) => {
  const prefix = parsePrefix(text);
  if (prefix === undefined) context.addIssue(`${text} is not a prefix`);
  return prefix ?? z.NEVER;
});

const prefixRow: z.ZodType<LedgerPrefix> = z.object({
  prefix: prefixColumn,
  kind: z.enum(PREFIX_KINDS),
  note: z.string(),
  addedAt: z.date(),
  addedBy: z.string(),
});

/** Returns all prefixes, in the order of their addresses. */
export function listPrefixes(db: Queryable): Promise<LedgerPrefix[]> {
  return db.query({
    text: `select prefix, kind, note, added_at as "addedAt", added_by as "addedBy" from rock_mac.prefixes order by first`,
    values: [],
    row: prefixRow,
  });
}

export interface NewPrefix {
  readonly prefix: MacPrefix;
  /** Default: that of the prefix if it exists, else `local` or `ieee` by the bit of locally administered addresses. */
  readonly kind?: PrefixKind | undefined;
  /** Default: that of the prefix if it exists, else empty. */
  readonly note?: string | undefined;
}

/**
 * `changed`: the prefix existed, with another kind or note. `overlaps`: it shares addresses with another prefix. `not_allowed`:
 * only the owner of the ledger and admins change prefixes.
 */
export type AddPrefixOutcome =
  | { readonly outcome: 'added' | 'changed' | 'unchanged' | 'not_allowed' }
  | { readonly outcome: 'overlaps'; readonly other: MacPrefix };

/** Adds a prefix, or changes the kind and the note of one that exists. A prefix of group addresses throws BAD_REQUEST. */
export async function addPrefix(
  db: Queryable,
  { prefix, kind, note }: NewPrefix,
  actor: string,
  reason = '',
): Promise<AddPrefixOutcome> {
  requireReason(reason);
  requireValid(unicast, prefix, `The prefix ${prefix}`);
  requireValid(storableText(1024).optional(), note, `The note of the prefix ${prefix}`);
  return queryOne(db, {
    text: `select outcome, other from rock_mac.add_prefix($1, $2, $3, $4, $5)`,
    values: [prefix, kind, note, actor, reason],
    row: z.union([
      z.object({ outcome: z.enum(['added', 'changed', 'unchanged', 'not_allowed']) }),
      z.object({ outcome: z.literal('overlaps'), other: prefixColumn }),
    ]),
  });
}

/** The lowest bit of the first octet is that of group addresses (IEEE 802), which no device may own. */
const unicast = z
  .string()
  .refine(
    (prefix) => Number.parseInt(prefix.slice(0, 2), 16) % 2 === 0,
    'has multicast addresses, which no device owns',
  );

/** `in_use`: a pool lies under it. */
export type RemovePrefixOutcome =
  | { readonly outcome: 'removed' | 'prefix_not_found' | 'not_allowed' }
  | { readonly outcome: 'in_use'; readonly pool: string };

/** Removes a prefix under which no pool lies. */
export async function removePrefix(
  db: Queryable,
  prefix: MacPrefix,
  actor: string,
  reason = '',
): Promise<RemovePrefixOutcome> {
  requireReason(reason);
  return queryOne(db, {
    text: `select outcome, pool from rock_mac.remove_prefix($1, $2, $3)`,
    values: [prefix, actor, reason],
    row: z.union([
      z.object({ outcome: z.enum(['removed', 'prefix_not_found', 'not_allowed']) }),
      z.object({ outcome: z.literal('in_use'), pool: z.string() }),
    ]),
  });
}
