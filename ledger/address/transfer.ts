import { z } from 'zod';
import { storableMetadata, storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { type AddressRef, addressRefSchema, itemsJson } from './address-ref.ts';
import { NOT_OPEN, type NotOpen, ownerColumns } from './allocate.ts';
import { type Device, deviceSchema, maxAddressesSchema, type Owner, ownerSchema } from './owner.ts';
import { type Invalid, runEach } from './validate.ts';

/** An address, as its owner holds it, and the owner that gets it. Both are in one cluster, or are devices outside clusters. */
export interface TransferItem extends AddressRef {
  /** The holder key of the new owner. */
  readonly newKey: string;
  /** The state of the address, which stays. */
  readonly state: 'active' | 'reserved';
  /** Absent for devices outside clusters. */
  readonly owner?: (Owner & { readonly uid: string }) | undefined;
  /** How many addresses the new owner's namespace may hold, over all pools. Default: no limit. */
  readonly maxAddresses?: number | undefined;
  readonly device?: Device | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** As in an AllocationRequest, from now. */
  readonly ttlSeconds?: number | undefined;
  readonly requester: string;
  readonly reason: string;
}

const PLAIN = [
  ...(['unknown', 'not_owner', 'not_held', 'other_cluster', 'other_state'] as const),
  ...(['has_consumer', 'key_conflict', 'not_adopted', 'pool_quota', 'namespace_quota'] as const),
] as const;

export type TransferOutcome =
  /** Now, or by an earlier call. */
  | { readonly outcome: 'transferred'; readonly generation: number; readonly expiresAt?: Date | undefined }
  /**
   * `unknown`: the caller's cluster does not hold it. `not_owner`: the owner, generation or key has changed. `not_held`: no claim
   * and no device holds it for good. `other_cluster`: the new owner is not of the cluster that holds it. `other_state`: it is
   * reserved and the new owner does not reserve it, or the other way round. `has_consumer`: a pod or VM uses the claim.
   * `key_conflict`: the new owner holds another address. `not_adopted`: the cluster may not allocate.
   */
  | { readonly outcome: (typeof PLAIN)[number] }
  | { readonly outcome: 'not_open'; readonly why: NotOpen }
  | Invalid;

const itemSchema = addressRefSchema.extend({
  newKey: storableText(600).refine((key) => key !== '', 'is empty'),
  state: z.enum(['active', 'reserved']),
  owner: ownerSchema.required({ uid: true }).optional(),
  maxAddresses: maxAddressesSchema.optional(),
  device: deviceSchema.optional(),
  metadata: storableMetadata.optional(),
  ttlSeconds: z.int().min(1).max(3_155_760_000).optional(),
  requester: storableText(1024),
  reason: storableText(1024),
});

const rowSchema = z.object({
  outcome: z.enum(['transferred', ...PLAIN, ...NOT_OPEN]),
  generation: z.int().nullable(),
  expires_at: z.date().nullable(),
});

/**
 * Gives addresses to other owners in one change each: nobody else can get an address in between, and its audit has one row. The
 * caller has made sure that both owners agree. Returns outcomes in the order of the items.
 */
export async function transfer(
  db: Queryable,
  items: readonly TransferItem[],
  actor: string,
): Promise<TransferOutcome[]> {
  return runEach(items, itemSchema, async (group): Promise<TransferOutcome[]> => {
    const rows = await db.query({
      text: `select outcome, generation, expires_at from rock_mac.transfer($1::jsonb, $2) order by ord`,
      values: [itemsJson(group, columns), actor],
      row: rowSchema,
    });
    return rows.map(toOutcome);
  });
}

function columns(item: TransferItem): Record<string, unknown> {
  return {
    generation: item.generation,
    key: item.key,
    bound_key: item.newKey,
    state: item.state,
    ...ownerColumns(item.owner),
    max_addresses: item.maxAddresses,
    device: item.device?.id,
    type: item.device?.type,
    metadata: item.metadata,
    ttl: item.ttlSeconds,
    requester: item.requester,
    reason: item.reason,
  };
}

function toOutcome({ outcome, generation, expires_at }: z.infer<typeof rowSchema>): TransferOutcome {
  if (outcome === 'transferred') {
    if (generation === null) throw new Error('transferred without a generation');
    return { outcome, generation, expiresAt: expires_at ?? undefined };
  }
  const plain = PLAIN.find((each) => each === outcome);
  return plain === undefined ? { outcome: 'not_open', why: z.enum(NOT_OPEN).parse(outcome) } : { outcome: plain };
}
