import { z } from 'zod';
import type { MacAddress } from '../../mac/mac-address.ts';
import { macSchema, storableMetadata, storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { itemsJson } from './address-ref.ts';
import { ownerColumns } from './allocate.ts';
import { isStickyKey } from './holder-key.ts';
import {
  type Device,
  deviceSchema,
  type Holder,
  holderSchema,
  type Owner,
  ownerSchema,
  stateSchema,
  whoHolds,
} from './owner.ts';
import { type Invalid, runEach } from './validate.ts';

/** An address that a live object of a cluster uses, or that a claim has in its status. */
export interface AdoptItem {
  readonly mac: MacAddress;
  /** `boundKey` of an object, `claimKey` of a claim, `stickyKey` of a workload whose sticky claim shows the address. */
  readonly key: string;
  /** With a uid, unless the key is sticky. */
  readonly owner: Owner;
  /** Default: `active`. */
  readonly state?: 'active' | 'reserved' | undefined;
  readonly device?: Device | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** For a claim that expires. */
  readonly ttlSeconds?: number | undefined;
  readonly requester: string;
  readonly reason?: string | undefined;
}

export type AdoptOutcome =
  /** `adopted`: this owner has it now. `held`: this owner had it before. */
  | { readonly outcome: 'adopted' | 'held'; readonly generation: number }
  /** Another live owner holds it: two objects use one address. */
  | { readonly outcome: 'conflict'; readonly holder: Holder }
  /**
   * `key_conflict`: this key holds another address. `in_no_pool`: no pool contains it. `not_registered`: the cluster is
   * not registered, or is retired.
   */
  | { readonly outcome: 'key_conflict' | 'in_no_pool' | 'not_registered' }
  | Invalid;

const itemSchema = z
  .object({
    mac: macSchema,
    key: storableText(600).refine((key) => key !== '', 'is empty'),
    owner: ownerSchema,
    state: z.enum(['active', 'reserved']).optional(),
    device: deviceSchema.optional(),
    metadata: storableMetadata.optional(),
    ttlSeconds: z.int().min(1).max(3_155_760_000).optional(),
    requester: storableText(1024),
    reason: storableText(1024).optional(),
  })
  .refine(({ key, owner }) => isStickyKey(key) === (owner.uid === undefined), 'has a uid, or a sticky key');

const rowSchema = z.object({
  outcome: z.enum(['adopted', 'held', 'conflict', 'key_conflict', 'in_no_pool', 'not_registered']),
  generation: z.int().nullable(),
  state: stateSchema.nullable(),
  holder: holderSchema.nullable(),
});

/**
 * Records the addresses that live objects of a cluster use: at the initial sync, when a resync finds an unknown
 * address, and after a recovery. Takes free addresses (also within the reuse delay) and those of a replication gap, but
 * never one that another owner holds. Works in every mode of the ledger. A few hundred items per call are a good size.
 */
export async function adopt(db: Queryable, items: readonly AdoptItem[], actor: string): Promise<AdoptOutcome[]> {
  return runEach(items, itemSchema, async (group): Promise<AdoptOutcome[]> => {
    const rows = await db.query({
      text: `select outcome, generation, state, holder from rock_mac.adopt($1::jsonb, $2) order by ord`,
      values: [itemsJson(group, columns), actor],
      row: rowSchema,
    });
    return rows.map(toOutcome);
  });
}

function columns(item: AdoptItem): Record<string, unknown> {
  return {
    key: item.key,
    state: item.state ?? 'active',
    ...ownerColumns(item.owner),
    device: item.device?.id,
    type: item.device?.type,
    metadata: item.metadata,
    ttl: item.ttlSeconds,
    requester: item.requester,
    reason: item.reason,
  };
}

function toOutcome({ outcome, generation, state, holder }: z.infer<typeof rowSchema>): AdoptOutcome {
  switch (outcome) {
    case 'adopted':
    case 'held':
      if (generation === null) throw new Error(`${outcome} without a generation`);
      return { outcome, generation };
    case 'conflict':
      if (state === null) throw new Error('a conflict without a holder');
      return { outcome, holder: { state, ...whoHolds(holder ?? {}) } };
    default:
      return { outcome };
  }
}
