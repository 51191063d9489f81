import type { AddressState, Device, Owner } from '../ledger/address/owner.ts';
import type { PoolStats } from '../ledger/pool/pool-stats.ts';
import type { Pool } from '../ledger/pool/pools.ts';
import type { MacAddress } from '../mac/mac-address.ts';
import type { Target } from './target.ts';

/**
 * What the commands need of whatever knows the addresses: a ledger (ledger-mode/), or a cluster through its API
 * (cluster-mode/). Expected refusals are thrown as UserError, since every command ends with them.
 */
export interface Backend {
  allocate(request: AllocateRequest): Promise<Address>;
  /** A specific address, or the next of the pool, held until it is released by force. */
  reserve(request: ReserveRequest): Promise<Address>;
  /** Gives up an address, or all of a device. An empty result: nothing was held. */
  release(target: Target, options: { readonly force: boolean }): Promise<Released>;
  /** Moves the expiry of an address, or of all of a device. */
  renew(target: Target, options: { readonly seconds?: number | undefined }): Promise<Address[]>;
  /** What is known of an address, released or not, or of all that a device holds. */
  find(target: Target): Promise<Address[]>;
  list(query: ListQuery): Promise<Page<Address>>;
  /** What `list` shows, then every change as it comes, until the process ends. */
  watch(query: ListQuery, see: (address: Address) => void): Promise<never>;
  stats(): Promise<PoolStats[]>;
  audit(query: AuditQuery): Promise<AuditLine[]>;
  pools(): Promise<Pool[]>;
  /** Addresses and device ids that begin with a text, for completion. */
  suggest(prefix: string, limit: number): Promise<{ readonly text: string; readonly about: string }[]>;
  close(): Promise<void>;
}

/** An address as the commands show it; what is absent is unknown or does not apply. */
export interface Address {
  readonly mac: MacAddress;
  readonly pool: string;
  readonly state: AddressState;
  readonly device?: Device | undefined;
  readonly owner?: Owner | undefined;
  /** The pod or VM that uses a claim now. */
  readonly consumer?: { readonly kind: string; readonly name: string; readonly nic: string } | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly allocatedAt?: Date | undefined;
  readonly changedAt?: Date | undefined;
  readonly expiresAt?: Date | undefined;
  readonly releasedAt?: Date | undefined;
  readonly reusableAt?: Date | undefined;
  readonly missingSince?: Date | undefined;
  readonly generation?: number | undefined;
  readonly requester?: string | undefined;
  readonly reason?: string | undefined;
}

export interface AllocateRequest {
  readonly pool: string;
  readonly device: Device;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The same key gets the same address, however often it is asked. Absent: every call is a new question. */
  readonly requestKey?: string | undefined;
  /** Absent: the pool's auto-release period. */
  readonly expiresAfterSeconds?: number | undefined;
}

export interface ReserveRequest {
  /** Absent: the pool whose range holds `mac`, and without one `reserved`. */
  readonly pool?: string | undefined;
  readonly mac?: MacAddress | undefined;
  readonly device: Device;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly requestKey?: string | undefined;
}

export interface Released {
  readonly released: readonly Address[];
  /** What is still held, and the error that says why. */
  readonly kept: readonly { readonly address: Address; readonly why: Error }[];
}

export const SORT_KEYS = ['newest', 'mac', 'pool', 'device'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface ListQuery {
  readonly pool?: string | undefined;
  /** Absent: all. */
  readonly states?: readonly AddressState[] | undefined;
  readonly device?: string | undefined;
  /** `kind/namespace/name`, `namespace/name` or `name` of an object in a cluster. */
  readonly owner?: string | undefined;
  readonly namespace?: string | undefined;
  /** Allocated at or after this moment. */
  readonly since?: Date | undefined;
  readonly sortBy: SortKey;
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Names the next page; absent on the last. */
  readonly next?: string | undefined;
}

export interface AuditQuery {
  readonly target?: Target | undefined;
  readonly pool?: string | undefined;
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly since?: Date | undefined;
  /** Only entries with a higher id, oldest first: what came since the last look. Else newest first. */
  readonly afterId?: number | undefined;
  readonly limit: number;
}

/** One change of one address. */
export interface AuditLine {
  /** Rises with time. */
  readonly id: number;
  readonly timestamp: Date;
  readonly action: string;
  readonly mac?: MacAddress | undefined;
  readonly pool: string;
  readonly deviceId?: string | undefined;
  readonly user: string;
  readonly actor: string;
  readonly reason: string;
  readonly generation?: number | undefined;
  readonly stateBefore?: AddressState | undefined;
  readonly state?: AddressState | undefined;
  readonly clusterId?: string | undefined;
  readonly owner?: string | undefined;
}
