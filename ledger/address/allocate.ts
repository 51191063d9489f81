import { z } from 'zod';
import { macToNumber, type MacAddress } from '../../mac/mac-address.ts';
import { macSchema } from '../columns/mac-schema.ts';
import {
  addrSchema,
  deviceSchema,
  holderSchema,
  ownerSchema,
  stateSchema,
  whoHolds,
  type AddressState,
  type Device,
  type Holder,
  type Owner,
} from './owner.ts';
import type { Queryable } from '../connection/statement.ts';
import { storableMetadata, storableText } from '../columns/storable-text.ts';
import { requireValid } from './validate.ts';

/** One question for an address. The same key gets the same answer, however often it is asked. */
export interface AllocationRequest {
  /** Holder key (holder-key.ts). */
  readonly key: string;
  readonly pool: string;
  /** A specific address; else the next one. */
  readonly requested?: MacAddress | undefined;
  /** `pending`: on a lease until its object was seen. `active`: held by a claim or a device. `reserved`: until force. */
  readonly state: 'pending' | 'active' | 'reserved';
  /** Absent for devices outside clusters. */
  readonly owner?: Owner | undefined;
  readonly device?: Device | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Devices and claims that expire. Without it a device gets the pool's auto-release period, a claim never expires. */
  readonly ttlSeconds?: number | undefined;
  /** Who asked, as admission saw it. */
  readonly requester: string;
  /** Which program asks for them. */
  readonly actor: string;
  readonly reason?: string | undefined;
}

/** Refusals that need no more words. */
const PLAIN_REFUSALS = [
  'out_of_range',
  'pool_not_found',
  'pool_paused',
  'key_conflict',
  'retry',
  'not_adopted',
  'pending_cap',
] as const;

export type AllocationOutcome =
  /** `replayed`: the key held it before; a pending one has a new lease. `reserved` rows that are taken up stay reserved. */
  | {
      readonly outcome: 'allocated' | 'replayed';
      readonly mac: MacAddress;
      readonly generation: number;
      readonly state: AddressState;
      readonly expiresAt?: Date | undefined;
    }
  /** The address asked for has another owner, or waits out its delay (`holder.state` is then `released`). */
  | { readonly outcome: 'in_use'; readonly mac: MacAddress; readonly holder: Holder }
  /** `nextReuseAt`: when the next released address becomes free; absent when none waits. */
  | { readonly outcome: 'exhausted'; readonly nextReuseAt?: Date | undefined }
  /**
   * `key_conflict`: the key holds another address, or one of another pool. `retry`: the cursor is stepping over a long
   * run of used addresses; ask again at once. `not_adopted`: the cluster is not registered, retired, or has not written
   * its live objects into the ledger yet. `pending_cap`: too many unbound addresses in this namespace.
   */
  | { readonly outcome: (typeof PLAIN_REFUSALS)[number] }
  | { readonly outcome: 'not_open'; readonly why: NotOpen };

const NOT_OPEN = ['recovering', 'paused', 'timeline_changed', 'system_changed', 'not_durable'] as const;

/** Why the ledger hands out nothing now (state.ts says what to do). */
export type NotOpen = (typeof NOT_OPEN)[number];

export interface AllocateOptions {
  /** How long a pending address waits for its object. */
  readonly leaseSeconds: number;
}

const requestSchema = z.object({
  key: storableText(600).refine((key) => key !== '', 'is empty'),
  pool: storableText(63),
  requested: macSchema.optional(),
  state: z.enum(['pending', 'active', 'reserved']),
  owner: ownerSchema.optional(),
  device: deviceSchema.optional(),
  metadata: storableMetadata.optional(),
  ttlSeconds: z.int().min(1).max(3_155_760_000).optional(), // a hundred years
  requester: storableText(1024),
  actor: storableText(256),
  reason: storableText(1024).optional(),
});

/** Throws BAD_REQUEST where a request holds what Postgres cannot store, before it can spoil the group that it is in. */
export function requireValidRequest(request: AllocationRequest): void {
  requireValid(requestSchema, request, 'The request for an address');
}

const answerSchema = z.object({
  ord: z.int(),
  outcome: z.string(),
  addr: addrSchema.nullable(),
  generation: z.int().nullable(),
  state: stateSchema.nullable(),
  expires_at: z.date().nullable(),
  holder: holderSchema.nullable(),
  until: z.date().nullable(),
});

type Answer = z.infer<typeof answerSchema>;

/**
 * Answers a group of requests for one pool in one round trip and one transaction, in the order of the requests. A refused
 * request never fails its neighbours; a value that Postgres cannot store fails all, so callers check with
 * `requireValidRequest` first (the allocator does both, and asks again after errors).
 */
export async function allocate(
  db: Queryable,
  pool: string,
  requests: readonly AllocationRequest[],
  options: AllocateOptions,
): Promise<AllocationOutcome[]> {
  const rows = await db.query({
    text: `select ord, outcome, addr, generation, state, expires_at, holder, until
           from rock_mac.allocate($1, $2::jsonb, make_interval(secs => $3)) order by ord`,
    values: [pool, JSON.stringify(requests.map(toColumns)), options.leaseSeconds],
    row: answerSchema,
  });
  if (rows.length !== requests.length) {
    throw new Error(`${String(requests.length)} requests got ${String(rows.length)} answers`);
  }
  return rows.map(toOutcome);
}

/** The fields of the type rock_mac.request; JSON leaves out what is undefined. */
function toColumns(request: AllocationRequest, ord: number): Record<string, unknown> {
  const { owner, device } = request;
  return {
    ord,
    key: request.key,
    addr: request.requested === undefined ? undefined : macToNumber(request.requested),
    state: request.state,
    ...ownerColumns(owner),
    device: device?.id,
    type: device?.type,
    metadata: request.metadata,
    ttl: request.ttlSeconds,
    requester: request.requester,
    actor: request.actor,
    reason: request.reason,
  };
}

/** The name of an object that has none yet is no name: two nameless objects have not the same owner. */
export function ownerColumns(owner: Owner | undefined): Record<string, unknown> {
  if (owner === undefined) return {};
  const { clusterId: cluster, kind, namespace, name, uid, nic } = owner;
  return { cluster, kind, namespace, name: name === '' ? undefined : name, uid, nic };
}

function toOutcome(row: Answer): AllocationOutcome {
  const { outcome } = row;
  if (outcome === 'allocated' || outcome === 'replayed') return { outcome, ...held(row) };
  if (outcome === 'in_use') return inUse(row);
  if (outcome === 'exhausted') return { outcome, nextReuseAt: row.until ?? undefined };
  const refusal = PLAIN_REFUSALS.find((plain) => plain === outcome);
  return refusal === undefined ? { outcome: 'not_open', why: z.enum(NOT_OPEN).parse(outcome) } : { outcome: refusal };
}

function held(row: Answer) {
  const { addr: mac, generation, state, expires_at } = row;
  if (mac === null || generation === null || state === null) throw new Error(`${row.outcome} without an address`);
  return { mac, generation, state, expiresAt: expires_at ?? undefined };
}

function inUse(row: Answer): AllocationOutcome {
  const { addr: mac, state, holder, until } = row;
  if (mac === null || state === null) throw new Error('in_use without an address');
  return { outcome: 'in_use', mac, holder: { state, ...whoHolds(holder ?? {}), until: until ?? undefined } };
}
