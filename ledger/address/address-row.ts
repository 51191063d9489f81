import { z } from 'zod';
import type { MacAddress } from '../../mac/mac-address.ts';
import { optionalColumn } from '../column-schemas.ts';
import type { AddressRef } from './address-ref.ts';
import { type AddressState, addrSchema, type Device, type Owner, stateSchema, whoHolds } from './owner.ts';

/** The pod or VM that uses a claim now. */
export interface Consumer {
  readonly key: string;
  readonly kind: string;
  readonly name: string;
  readonly uid?: string | undefined;
  readonly nic: string;
  /** Its lease. Absent once the stored object was seen. */
  readonly expiresAt?: Date | undefined;
}

/** The virtual machine to which the owner of an address offers it. */
export interface Handover {
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
  /** The name of its cluster, if it has registered. */
  readonly clusterName?: string | undefined;
  /** The receiver, as the owner named it. */
  readonly asked: string;
  /** When the receiver was recorded. */
  readonly since: Date;
  /** Whether the owner was known to have ended, when its operator last said anything about it. */
  readonly ended: boolean;
  /** Whether the owner has ended and has left the address to the receiver. */
  readonly left: boolean;
}

/** What the ledger knows about one address. For a released address, about its last owner. */
export interface AddressRow extends AddressRef {
  readonly mac: MacAddress;
  readonly pool: string;
  readonly state: AddressState;
  readonly generation: number;
  readonly key: string;
  /** How the owner got it. */
  readonly origin: 'allocate' | 'adopt' | 'import' | 'replication-gap' | 'observe' | 'transfer';
  /** Whether a live object uses it without owning it, which keeps it from being handed out. */
  readonly observed: boolean;
  readonly owner?: Owner | undefined;
  /** Name of the owner's cluster, if it has registered. */
  readonly clusterName?: string | undefined;
  readonly device?: Device | undefined;
  readonly consumer?: Consumer | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly allocatedAt: Date;
  readonly changedAt: Date;
  /** Lease of a pending address; expiry of a device or claim. */
  readonly expiresAt?: Date | undefined;
  readonly releasedAt?: Date | undefined;
  /** When a released address becomes free for other owners. */
  readonly reusableAt?: Date | undefined;
  /** When a resync of its cluster first failed to find its object. Of a sticky address: since when it is unused. */
  readonly missingSince?: Date | undefined;
  /** The node on which the last pod of a sticky address may still run. The next pod of that name does not get the address. */
  readonly unreachableNode?: string | undefined;
  /** Who may receive it when the machine that holds it ends. */
  readonly handover?: Handover | undefined;
  /** When the claim of a reserved address was deleted. */
  readonly keptSince?: Date | undefined;
  readonly requester: string;
  readonly actor: string;
  readonly reason: string;
}

/** The select list for `addressRowSchema`, from `rock_mac.addresses a join rock_mac.pools p`. */
export const ADDRESS_COLUMNS = `
  a.addr, p.name as pool, a.state, a.generation, a.holder_key, a.origin, a.cluster_id, a.owner_kind, a.owner_namespace, a.owner_name,
  a.owner_uid, a.owner_nic, a.device_id, a.device_type, a.metadata, a.allocated_at, a.changed_at, a.expires_at, a.released_at,
  a.released_at + p.reuse_delay as reusable_at, a.missing_since, a.unreachable_node, a.kept_since, a.consumer_key, a.consumer_kind,
  a.consumer_name, a.consumer_uid, a.consumer_nic, a.consumer_expires_at, a.requester, a.actor, a.reason, a.blocked,
  (select c.name from rock_mac.clusters c where c.cluster_id = a.cluster_id) as cluster_name,
  case when a.owner_kind = 'VirtualMachine' and a.state = 'active' then
    (select jsonb_build_object('clusterId', h.cluster_id, 'namespace', h.namespace, 'name', h.name, 'asked', h.asked,
                                'clusterName', (select c.name from rock_mac.clusters c where c.cluster_id = h.cluster_id), 'since', h.offered_at,
                                'ended', h.ended_at is not null, 'left', h.left_at is not null)
     from rock_mac.handovers h where h.addr = a.addr and h.generation = a.generation and h.holder_key = a.holder_key) end as handover`;

const text = optionalColumn(z.string());
const date = optionalColumn(z.date());

export const addressRowSchema: z.ZodType<AddressRow> = z
  .object({
    addr: addrSchema,
    pool: z.string(),
    state: stateSchema,
    generation: z.int(),
    holder_key: z.string(),
    origin: z.enum(['allocate', 'adopt', 'import', 'replication-gap', 'observe', 'transfer']),
    cluster_id: text,
    cluster_name: text,
    owner_kind: text,
    owner_namespace: text,
    owner_name: text,
    owner_uid: text,
    owner_nic: text,
    device_id: text,
    device_type: text,
    metadata: z.record(z.string(), z.unknown()),
    allocated_at: z.date(),
    changed_at: z.date(),
    expires_at: date,
    released_at: date,
    reusable_at: date,
    missing_since: date,
    unreachable_node: text,
    kept_since: date,
    consumer_key: text,
    consumer_kind: text,
    consumer_name: text,
    consumer_uid: text,
    consumer_nic: text,
    consumer_expires_at: date,
    requester: z.string(),
    actor: z.string(),
    reason: z.string(),
    blocked: z.boolean(),
    handover: optionalColumn(
      z.object({
        clusterId: z.string(),
        namespace: z.string(),
        name: z.string(),
        clusterName: optionalColumn(z.string()),
        asked: z.string(),
        since: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
        ended: z.boolean(),
        left: z.boolean(),
      }),
    ),
  })
  .transform((row) => ({
    mac: row.addr,
    pool: row.pool,
    state: row.state,
    generation: row.generation,
    key: row.holder_key,
    origin: row.origin,
    observed: row.blocked,
    ...whoHolds({
      clusterId: row.cluster_id,
      kind: row.owner_kind,
      namespace: row.owner_namespace,
      name: row.owner_name,
      uid: row.owner_uid,
      nic: row.owner_nic,
      deviceId: row.device_id,
      deviceType: row.device_type,
    }),
    clusterName: row.cluster_name,
    consumer: consumerOf(row),
    metadata: row.metadata,
    allocatedAt: row.allocated_at,
    changedAt: row.changed_at,
    expiresAt: row.expires_at,
    releasedAt: row.released_at,
    reusableAt: row.reusable_at,
    missingSince: row.missing_since,
    unreachableNode: row.unreachable_node,
    handover: row.handover,
    keptSince: row.kept_since,
    requester: row.requester,
    actor: row.actor,
    reason: row.reason,
  }));

function consumerOf(row: {
  consumer_key: string | undefined;
  consumer_kind: string | undefined;
  consumer_name: string | undefined;
  consumer_uid: string | undefined;
  consumer_nic: string | undefined;
  consumer_expires_at: Date | undefined;
}): Consumer | undefined {
  const { consumer_key: key, consumer_kind: kind = '', consumer_name: name = '', consumer_nic: nic = '' } = row;
  if (key === undefined) return undefined;
  return { key, kind, name, uid: row.consumer_uid, nic, expiresAt: row.consumer_expires_at };
}
