import { z } from 'zod';
import type { MacAddress } from '../../mac/mac-address.ts';
import { macSchema, storableMetadata, storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { itemsJson } from './address-ref.ts';
import { NOT_OPEN, type NotOpen } from './allocate.ts';
import { importKey } from './holder-key.ts';
import { type Holder, holderSchema, stateSchema, whoHolds } from './owner.ts';
import { type Invalid, runEach } from './validate.ts';

/** An address that a device outside of clusters has already, as a file of another program says. */
export interface ImportItem {
  readonly mac: MacAddress;
  readonly deviceId: string;
  /** The type that the file names. It replaces the one in the ledger if `update` is set. */
  readonly deviceType?: string | undefined;
  /** The type of a device that the ledger does not know yet. */
  readonly defaultType: string;
  readonly state: 'active' | 'reserved';
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Takes a released address also before its reuse delay is over. */
  readonly overridesDelay: boolean;
  readonly reason: string;
}

export interface ImportSettings {
  /** Whether anything changes. Otherwise the outcomes say what would happen. */
  readonly write: boolean;
  /** Whether a device that has its address already gets the metadata and the type of the file. */
  readonly update: boolean;
  readonly actor: string;
}

const DONE = ['imported', 'updated', 'unchanged', 'differs'] as const;
const REFUSED = ['observed', 'pool_paused', 'prefix_not_seen', 'too_large'] as const;

export type ImportOutcome =
  /**
   * `imported`: the device has it now. `unchanged`: the device had it before. `differs`: so did it, with other metadata or another
   * type, which stay. `updated`: they do not stay.
   */
  | { readonly outcome: (typeof DONE)[number]; readonly pool: string }
  /** Somebody else holds it, or it was released and its reuse delay still runs. */
  | { readonly outcome: 'in_use' | 'in_reuse_delay'; readonly pool: string; readonly holder: Holder }
  /**
   * `observed`: a live object uses it. `prefix_not_seen`: not every cluster has looked for addresses of its prefix. `too_large`: its
   * metadata, together with those in the ledger.
   */
  | { readonly outcome: (typeof REFUSED)[number]; readonly pool: string }
  | { readonly outcome: 'in_no_pool' }
  | { readonly outcome: 'not_open'; readonly why: NotOpen }
  | Invalid;

const itemSchema = z.object({
  mac: macSchema,
  deviceId: storableText(512).refine((id) => id !== '', 'is empty'),
  deviceType: storableText(128).optional(),
  defaultType: storableText(128),
  metadata: storableMetadata,
  reason: storableText(1024),
});

const rowSchema = z.object({
  outcome: z.enum([...DONE, ...REFUSED, 'in_use', 'in_reuse_delay', 'in_no_pool', ...NOT_OPEN]),
  pool: z.string().nullable(),
  state: stateSchema.nullable(),
  holder: holderSchema.nullable(),
  until: z.date().nullable(),
});

/**
 * Records the addresses of devices in one transaction, or says what it would do. Each item has its own outcome, and repeating a call
 * changes nothing. No address may be in a group twice. A few hundred items per call are a good size: pools are locked meanwhile.
 */
export async function importAddresses(
  db: Queryable,
  items: readonly ImportItem[],
  { write, update, actor }: ImportSettings,
): Promise<ImportOutcome[]> {
  return runEach(items, itemSchema, async (group): Promise<ImportOutcome[]> => {
    const rows = await db.query({
      text: `select outcome, pool, state, holder, until from rock_mac.import_addresses($1::jsonb, $2, $3, $4) order by ord`,
      values: [itemsJson(group, (item) => ({ ...columns(item), requester: actor })), actor, write, update],
      row: rowSchema,
    });
    return rows.map(toOutcome);
  });
}

function columns(item: ImportItem): Record<string, unknown> {
  return {
    key: importKey(item.mac),
    state: item.state,
    device: item.deviceId,
    type: item.deviceType,
    default_type: item.defaultType,
    metadata: item.metadata,
    override_delay: item.overridesDelay,
    reason: item.reason,
  };
}

function toOutcome({ outcome, pool, state, holder, until }: z.infer<typeof rowSchema>): ImportOutcome {
  const why = NOT_OPEN.find((each) => each === outcome);
  if (why !== undefined) return { outcome: 'not_open', why };
  if (outcome === 'in_no_pool') return { outcome };
  if (pool === null) throw new Error(`${outcome} without a pool`);
  if (outcome === 'in_use' || outcome === 'in_reuse_delay') {
    if (state === null) throw new Error(`${outcome} without a holder`);
    return { outcome, pool, holder: { state, ...whoHolds(holder ?? {}), until: until ?? undefined } };
  }
  const done = [...DONE, ...REFUSED].find((each) => each === outcome);
  if (done === undefined) throw new Error(`an unknown outcome: ${outcome}`);
  return { outcome: done, pool };
}
