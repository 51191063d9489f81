import { z } from 'zod';
import { canonicalMetadata } from '../../api/well-known-metadata.ts';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { macSchema, storableMetadata, storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import {
  type AddressState,
  addrSchema,
  type Device,
  deviceSchema,
  type Holder,
  holderSchema,
  maxAddressesSchema,
  type Owner,
  ownerSchema,
  stateSchema,
  whoHolds,
} from './owner.ts';
import { requireValid } from './validate.ts';

/** A request for one address. The same key always gets the same address. */
export interface AllocationRequest {
  /** Holder key (holder-key.ts). */
  readonly key: string;
  readonly pool: string;
  /** A specific address. Default: the next one. */
  readonly requested?: MacAddress | undefined;
  /**
   * `pending`: on a lease until its object is seen. `active`: held by a claim or a device. `reserved`: until released
   * by force.
   */
  readonly state: 'pending' | 'active' | 'reserved';
  /** Absent for devices outside clusters. */
  readonly owner?: Owner | undefined;
  /** Takes the `requested` address also before its reuse delay is over. The audit shows it. */
  readonly overridesDelay?: boolean | undefined;
  /** Without `requested`: prefers the address that this interface of a virtual machine released last. */
  readonly prefersLast?: boolean | undefined;
  /**
   * When the owner's namespace was created. Within the reuse delay, an address goes only to the namespace that released it,
   * and a later namespace of that name is another one. Without this, it goes only to the last owner itself.
   * A sticky address of an older namespace is not replayed.
   */
  readonly namespaceSince?: Date | undefined;
  /** How many addresses the owner's namespace may hold, over all pools. Default: no limit. */
  readonly maxAddresses?: number | undefined;
  /** A sticky key gets no new address while its namespace has this many unused sticky addresses. Default: no limit. */
  readonly unusedLimit?: number | undefined;
  /** The ticket of the caller's cluster, if the ledger should check it. */
  readonly ticket?: string | undefined;
  readonly device?: Device | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Lifetime of a device or claim, in seconds. Default: the pool's auto-release period for a device, no expiry for a
   * claim.
   */
  readonly ttlSeconds?: number | undefined;
  /** The user who requested it, as admission saw them. */
  readonly requester: string;
  /** The program that sends the request. */
  readonly actor: string;
  readonly reason?: string | undefined;
}

/** Refusals without further data. */
const PLAIN_REFUSALS = [
  'out_of_range',
  'pool_not_found',
  'pool_paused',
  'prefix_not_seen',
  'key_conflict',
  'retry',
  'not_adopted',
  'identity_shared',
  'not_allowed',
  'pending_cap',
  'pool_quota',
  'namespace_quota',
  'expiry_held',
  'other_namespace',
  'unused_limit',
] as const;

export type AllocationOutcome =
  /**
   * `replayed`: the key held it before; a pending one has a new lease. A reserved address that a claim reuses stays
   * reserved. `pool`: the pool of the address, which may be another than the requested one if the key is sticky.
   */
  | {
      readonly outcome: 'allocated' | 'replayed';
      readonly mac: MacAddress;
      readonly generation: number;
      readonly state: AddressState;
      readonly pool: string;
      readonly expiresAt?: Date | undefined;
    }
  /** The requested address has another owner, or its reuse delay still runs (then `holder.state` is `released`). */
  | { readonly outcome: 'in_use'; readonly mac: MacAddress; readonly holder: Holder }
  /** The key is sticky, and the last pod that used its address may still run on this node (`markUnreachable`). */
  | { readonly outcome: 'consumer_unreachable'; readonly mac: MacAddress; readonly node: string }
  /** `nextReuseAt`: when the next released address becomes free; absent if none waits. */
  | { readonly outcome: 'exhausted'; readonly nextReuseAt?: Date | undefined }
  /**
   * `key_conflict`: the key holds another address, or one of another pool. `retry`: the cursor is skipping a long run
   * of used addresses; retry at once. `not_adopted`: the cluster is not registered, is retired, or has not finished its
   * initial sync. `prefix_not_seen`: the prefix of the pool is new, and not every cluster has looked for its addresses.
   * `not_allowed`: the database login may not act for this cluster or for devices, or another
   * cluster holds the key. `pending_cap`: this namespace has too many unbound addresses.
   * `identity_shared`: the ticket is of a copy of the cluster, or of a restored backup.
   * `expiry_held`: only released addresses are left, and the clock of the database is not believed.
   * `other_namespace`: the key is sticky, and its address belongs to an older namespace of that name. `unused_limit`: the
   * key is sticky and new, and its namespace has too many unused sticky addresses. After these two, a key that is not
   * sticky gets an address.
   */
  | { readonly outcome: (typeof PLAIN_REFUSALS)[number] }
  | { readonly outcome: 'not_open'; readonly why: NotOpen };

export const NOT_OPEN = ['recovering', 'paused', 'timeline_changed', 'system_changed', 'not_durable'] as const;

/** Why the ledger hands out nothing now (state.ts has the next steps). */
export type NotOpen = (typeof NOT_OPEN)[number];

export interface AllocateOptions {
  /** Lease of a pending address. */
  readonly leaseSeconds: number;
}

/** Refuses an `ip` or `hostname` that nobody could use. What is recorded later (`adopt`, a recovery, an import) may have older values. */
const newMetadata = storableMetadata.superRefine((value, context) => {
  const canonical = canonicalMetadata(value);
  if (!canonical.ok)
    context.addIssue({ code: 'custom', message: `${canonical.problem.cause} ${canonical.problem.next}` });
});

const requestSchema = z.object({
  key: storableText(600).refine((key) => key !== '', 'is empty'),
  pool: storableText(63),
  requested: macSchema.optional(),
  state: z.enum(['pending', 'active', 'reserved']),
  owner: ownerSchema.optional(),
  overridesDelay: z.boolean().optional(),
  prefersLast: z.boolean().optional(),
  namespaceSince: z.date().optional(),
  ticket: storableText(64).optional(),
  maxAddresses: maxAddressesSchema.optional(),
  unusedLimit: z.int().min(1).max(2_147_483_647).optional(),
  device: deviceSchema.optional(),
  metadata: newMetadata.optional(),
  ttlSeconds: z.int().min(1).max(3_155_760_000).optional(), // a hundred years
  requester: storableText(1024),
  actor: storableText(256),
  reason: storableText(1024).optional(),
});

/** Throws BAD_REQUEST for values that Postgres cannot store, before they fail the whole group. */
export function requireValidRequest(request: AllocationRequest): void {
  requireValid(requestSchema, request, 'The allocation request');
}

const resultRow = z.object({
  ord: z.int(),
  outcome: z.string(),
  addr: addrSchema.nullable(),
  generation: z.int().nullable(),
  state: stateSchema.nullable(),
  expires_at: z.date().nullable(),
  holder: holderSchema.nullable(),
  until: z.date().nullable(),
  pool: z.string().nullable(),
  node: z.string().nullable(),
});

type ResultRow = z.infer<typeof resultRow>;

/**
 * Allocates for a group of requests for one pool, in one round trip and one transaction. Returns outcomes in the order
 * of the requests. A refused request never fails its neighbours. A value that Postgres cannot store fails all, so
 * callers check with `requireValidRequest` first. The allocator does that, and retries after errors.
 */
export async function allocate(
  db: Queryable,
  pool: string,
  requests: readonly AllocationRequest[],
  options: AllocateOptions,
): Promise<AllocationOutcome[]> {
  const rows = await db.query({
    text: `select ord, outcome, addr, generation, state, expires_at, holder, until, pool, node
           from rock_mac.allocate($1, $2::jsonb, make_interval(secs => $3)) order by ord`,
    values: [pool, JSON.stringify(requests.map(toColumns)), options.leaseSeconds],
    row: resultRow,
  });
  if (rows.length !== requests.length) {
    throw new Error(`${String(requests.length)} requests returned ${String(rows.length)} results`);
  }
  return rows.map(toOutcome);
}

/** Returns the fields of the type rock_mac.item. JSON omits undefined fields. */
function toColumns(request: AllocationRequest, ord: number): Record<string, unknown> {
  const { owner, device } = request;
  return {
    ord,
    key: request.key,
    addr: request.requested === undefined ? undefined : macToNumber(request.requested),
    state: request.state,
    ...ownerColumns(owner),
    override_delay: request.overridesDelay,
    prefer_last: request.prefersLast,
    namespace_since: request.namespaceSince,
    max_addresses: request.maxAddresses,
    unused_limit: request.unusedLimit,
    ticket: request.ticket,
    device: device?.id,
    type: device?.type,
    metadata: request.metadata,
    ttl: request.ttlSeconds,
    requester: request.requester,
    actor: request.actor,
    reason: request.reason,
  };
}

/** Returns the columns of an owner. An empty name becomes null: two objects without a name are different owners. */
export function ownerColumns(owner: Owner | undefined): Record<string, unknown> {
  if (owner === undefined) return {};
  const { clusterId: cluster, kind, namespace, name, uid, nic } = owner;
  return { cluster, kind, namespace, name: name === '' ? undefined : name, uid, nic };
}

function toOutcome(row: ResultRow): AllocationOutcome {
  const { outcome } = row;
  if (outcome === 'allocated' || outcome === 'replayed') return { outcome, ...grantOf(row) };
  if (outcome === 'in_use') return conflictOf(row);
  if (outcome === 'consumer_unreachable') return unreachableOf(row);
  if (outcome === 'exhausted') return { outcome, nextReuseAt: row.until ?? undefined };
  const refusal = PLAIN_REFUSALS.find((plain) => plain === outcome);
  return refusal === undefined ? { outcome: 'not_open', why: z.enum(NOT_OPEN).parse(outcome) } : { outcome: refusal };
}

function grantOf(row: ResultRow) {
  const { addr: mac, generation, state, pool, expires_at } = row;
  if (mac === null || generation === null || state === null || pool === null)
    throw new Error(`${row.outcome} without an address`);
  return { mac, generation, state, pool, expiresAt: expires_at ?? undefined };
}

function unreachableOf({ addr: mac, node }: ResultRow): AllocationOutcome {
  if (mac === null || node === null) throw new Error('consumer_unreachable without an address');
  return { outcome: 'consumer_unreachable', mac, node };
}

function conflictOf(row: ResultRow): AllocationOutcome {
  const { addr: mac, state, holder, until } = row;
  if (mac === null || state === null) throw new Error('in_use without an address');
  return { outcome: 'in_use', mac, holder: { state, ...whoHolds(holder ?? {}), until: until ?? undefined } };
}
