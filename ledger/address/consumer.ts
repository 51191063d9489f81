import { z } from 'zod';
import type { MacAddress } from '../../mac/mac-address.ts';
import { macSchema, storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { itemsJson, outcomeStatement } from './address-ref.ts';
import { ADDRESS_COLUMNS, type AddressRow, addressRowSchema } from './address-row.ts';
import { addrSchema } from './owner.ts';
import { type Invalid, runEach } from './validate.ts';

/** A pod or VM that wants to use a claim's address. */
export interface ConsumerItem {
  /** `claimKey` of the claim. */
  readonly claimKey: string;
  /** The consumer that the caller saw on the claim; absent if there was none. Only that consumer is replaced. */
  readonly expected?: string | undefined;
  /** The new consumer's key: `admissionKey` or `leaseKey`, and `boundKey` once the object was seen. */
  readonly key: string;
  readonly kind: string;
  readonly name: string;
  readonly uid?: string | undefined;
  readonly nic: string;
  /** The ticket of the caller's cluster, if the ledger should check it. */
  readonly ticket?: string | undefined;
}

const TAKE_REFUSALS = ['recovering', 'paused', 'timeline_changed', 'system_changed', 'not_durable'] as const;

export type TakeOutcome =
  | { readonly outcome: 'taken'; readonly mac: MacAddress; readonly expiresAt?: Date | undefined }
  /** Another consumer has the claim; its key. */
  | { readonly outcome: 'in_use'; readonly consumerKey?: string | undefined }
  /** No claim holds an address under this key. */
  | { readonly outcome: 'unknown' }
  /** The ticket is of a copy of the cluster, or of a restored backup. */
  | { readonly outcome: 'identity_shared' }
  | { readonly outcome: 'not_open'; readonly why: (typeof TAKE_REFUSALS)[number] }
  | Invalid;

const itemSchema = z.object({
  claimKey: storableText(600),
  expected: storableText(600).optional(),
  key: storableText(600).refine((key) => key !== '', 'is empty'),
  kind: storableText(64),
  name: storableText(253),
  uid: storableText(128).optional(),
  nic: storableText(512),
  ticket: storableText(64).optional(),
});

const takeRow = z.object({
  outcome: z.enum(['taken', 'in_use', 'unknown', 'identity_shared', ...TAKE_REFUSALS]),
  addr: addrSchema.nullable(),
  consumer_key: z.string().nullable(),
  expires_at: z.date().nullable(),
});

/**
 * Makes a pod or VM the consumer of a claim, by compare-and-set. Of two that name one claim at once, one gets `in_use`.
 * With `leaseSeconds`, admission reserves the claim, and a repeated call renews the lease. Without it, the object was
 * seen.
 */
export async function takeConsumer(
  db: Queryable,
  items: readonly ConsumerItem[],
  options: { readonly leaseSeconds?: number | undefined; readonly actor: string },
): Promise<TakeOutcome[]> {
  return runEach(items, itemSchema, async (group): Promise<TakeOutcome[]> => {
    const json = group.map(({ claimKey, key, ...item }, ord) => ({ ...item, ord, key: claimKey, consumer: key }));
    const rows = await db.query({
      text: `select outcome, addr, consumer_key, expires_at from rock_mac.take_consumer($1::jsonb, make_interval(secs => $2), $3) order by ord`,
      values: [JSON.stringify(json), options.leaseSeconds ?? null, options.actor],
      row: takeRow,
    });
    return rows.map(toOutcome);
  });
}

function toOutcome({ outcome, addr, consumer_key, expires_at }: z.infer<typeof takeRow>): TakeOutcome {
  switch (outcome) {
    case 'taken':
      if (addr === null) throw new Error('a consumer was taken without an address');
      return { outcome, mac: addr, expiresAt: expires_at ?? undefined };
    case 'in_use':
      return { outcome, consumerKey: consumer_key ?? undefined };
    case 'unknown':
    case 'identity_shared':
      return { outcome };
    default:
      return { outcome: 'not_open', why: outcome };
  }
}

export type DropOutcome = { readonly outcome: 'dropped' | 'not_consumer' } | Invalid;

/**
 * Removes the consumer of a claim if the key still matches and its lease does not run. A consumer that called again
 * since the caller read the row keeps the claim.
 */
export async function dropConsumer(
  db: Queryable,
  items: readonly { readonly mac: MacAddress; readonly consumerKey: string }[],
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<DropOutcome[]> {
  const schema = z.object({ mac: macSchema, consumerKey: storableText(600) });
  const text = `select outcome from rock_mac.drop_consumer($1::jsonb, $2, $3) order by ord`;
  return runEach(items, schema, (group) =>
    db.query(
      outcomeStatement(
        text,
        [itemsJson(group, ({ consumerKey: consumer }) => ({ consumer })), actor, reason],
        ['dropped', 'not_consumer'],
      ),
    ),
  );
}

/**
 * Returns claims whose consumer's lease expired before the consumer was seen, oldest expiry first. The operator checks
 * for the object, then drops the consumer.
 */
export function expiredConsumers(db: Queryable, clusterId: string, limit: number): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where a.consumer_key is not null and a.cluster_id = $1 and a.consumer_expires_at < rock_mac.clock()
             and (select rock_mac.expiry_held()) is null
           order by a.consumer_expires_at, a.addr limit $2`,
    values: [clusterId, limit],
    row: addressRowSchema,
  });
}
