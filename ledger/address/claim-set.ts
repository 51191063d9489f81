import { z } from 'zod';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { macSchema, storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { isLedgerError } from '../errors.ts';
import { NOT_OPEN, type NotOpen } from './allocate.ts';
import { addrSchema } from './owner.ts';
import { type Invalid, problemOf } from './validate.ts';

/** Claims of which a workload uses any that are unused. */
export interface ClaimSet {
  readonly clusterId: string;
  /** `claimKey` of every claim in the set. */
  readonly claimKeys: readonly string[];
  /** The ticket of the caller's cluster, if the ledger should check it. */
  readonly ticket?: string | undefined;
}

/** An interface that wants the address of an unused claim. */
export interface WantedClaim {
  /** The consumer's key: `selectionKey` or `leaseKey`. */
  readonly key: string;
  readonly kind: string;
  readonly name: string;
  readonly nic: string;
  /** Only the claim with this address will do. */
  readonly requested?: MacAddress | undefined;
}

export type ClaimSetOutcome =
  /** The addresses, in the order of the interfaces. */
  | { readonly outcome: 'taken'; readonly macs: readonly MacAddress[] }
  /** Other workloads take claims of the set at this moment. A repetition finds what they left. */
  | { readonly outcome: 'busy' }
  /** Of the set, `held` claims have an address, and `used` of these have a consumer. */
  | { readonly outcome: 'none_unused'; readonly held: number; readonly used: number }
  /** The ticket is of a copy of the cluster, or of a restored backup. */
  | { readonly outcome: 'identity_shared' }
  | { readonly outcome: 'not_open'; readonly why: NotOpen }
  | Invalid;

const requestSchema = z.object({
  claimKeys: z.array(storableText(600)),
  wanted: z
    .array(
      z.object({
        key: storableText(600).refine((key) => key !== '', 'is empty'),
        kind: storableText(64),
        name: storableText(253),
        nic: storableText(512),
        requested: macSchema.optional(),
      }),
    )
    .min(1),
});

const takenRow = z.object({
  outcome: z.enum(['taken', 'busy', 'none_unused', 'identity_shared', ...NOT_OPEN]),
  addr: addrSchema.nullable(),
  held: z.int(),
  used: z.int(),
});

/**
 * Makes a workload the consumer of one unused claim for each of its interfaces, or of none. Of many that select at once, no two get the
 * same claim, and none waits for another. A repeated call with the same keys returns the same claims and renews their leases.
 */
export async function takeUnusedClaims(
  db: Queryable,
  wanted: readonly WantedClaim[],
  { clusterId, claimKeys, ticket }: ClaimSet,
  options: { readonly leaseSeconds: number; readonly actor: string },
): Promise<ClaimSetOutcome> {
  const why = problemOf(requestSchema, { claimKeys, wanted });
  if (why !== undefined) return { outcome: 'invalid', why };
  const items = wanted.map(({ key: consumer, requested, ...item }, ord) => ({
    ...item,
    ord,
    consumer,
    ...(requested !== undefined && { addr: macToNumber(requested) }),
  }));
  try {
    const rows = await db.query({
      text: `select outcome, addr, held, used from rock_mac.take_unused_claims($1, $2::text[], $3::jsonb, $4, make_interval(secs => $5), $6) order by ord`,
      values: [clusterId, [...claimKeys], JSON.stringify(items), ticket, options.leaseSeconds, options.actor],
      row: takenRow,
    });
    return toOutcome(rows);
  } catch (error) {
    // Two calls for one object at once took different claims. The first won, and the second finds its claims when it tries again.
    if (isLedgerError(error) && error.code === 'LEDGER_BUSY') return { outcome: 'busy' };
    throw error;
  }
}

function toOutcome(rows: readonly z.infer<typeof takenRow>[]): ClaimSetOutcome {
  const [first] = rows;
  if (first === undefined) throw new Error('no interface wanted a claim');
  const { outcome, held, used } = first;
  switch (outcome) {
    case 'taken':
      return { outcome, macs: rows.flatMap(({ addr }) => addr ?? []) };
    case 'none_unused':
      return { outcome, held, used };
    case 'busy':
    case 'identity_shared':
      return { outcome };
    default:
      return { outcome: 'not_open', why: outcome };
  }
}

const userRow = z.object({ kind: z.string(), name: z.string() });

/** Returns the kinds and names of some workloads that use claims of a set. A name is empty while the API server has not generated it. */
export function usersOfClaims(
  db: Queryable,
  claimKeys: readonly string[],
  limit: number,
): Promise<z.infer<typeof userRow>[]> {
  return db.query({
    text: `select a.consumer_kind as kind, a.consumer_name as name from rock_mac.addresses a
           where a.holder_key = any ($1::text[]) and a.state <> 'released' and a.consumer_key is not null order by a.addr limit $2`,
    values: [[...claimKeys], limit],
    row: userRow,
  });
}
