import type { PoolDefinition } from '../api/default-pools.ts';
import type { PoolStrategy } from '../api/pool-strategy.ts';
import type { MetadataTerm } from '../ledger/address/metadata-term.ts';
import type { AddressState, Device } from '../ledger/address/owner.ts';
import type { Observation } from '../ledger/observation/observations.ts';
import type { PoolHour } from '../ledger/pool/history.ts';
import type { PoolStats } from '../ledger/pool/pool-stats.ts';
import type { Pool } from '../ledger/pool/pools.ts';
import type { LedgerPrefix } from '../ledger/pool/prefixes.ts';
import type { ReservationSource } from '../ledger/reservations/reservation-watch.ts';
import type { AddressView } from '../ledger/view/address-view.ts';
import type { AuditEntryView } from '../ledger/view/audit-entry-view.ts';
import type { MacAddress } from '../mac/mac-address.ts';
import type { CommandRefusal } from './errors.ts';
import type { Target } from './target.ts';

/**
 * What the commands can do, implemented for a ledger (ledger-mode/) and for the API of a cluster (cluster-mode/).
 * Refused allocations, releases and renewals are returned as values. Invalid input throws a UserError.
 */
export interface Backend {
  /** Allocates the next address of a pool. */
  allocate(request: AllocateRequest): Promise<CommandResult<Address>>;
  /** Allocates several addresses of a pool. With names or a request key, a repeated call returns the same ones. */
  allocateSet(request: AllocateSetRequest): Promise<CommandResult<AllocatedSet>>;
  /** Reserves an address, or the next one of a pool, until it is released with --force. */
  reserve(request: ReserveRequest): Promise<CommandResult<Address>>;
  /** Gives a held address to another owner, in one change. */
  transfer(request: TransferRequest): Promise<CommandResult<Address>>;
  /** Changes the metadata and the type of the device of an address, or of all addresses of a device. The list is empty if nothing was held. */
  set(target: Target, change: SetRequest): Promise<CommandResult<readonly Address[]>>;
  /** Releases an address, or all addresses of a device. All lists are empty if nothing was held. */
  release(target: Target, options: ReleaseOptions): Promise<Releases>;
  /** Returns the held addresses that fit a query and that a release may end. The order, the limit and the page are ignored. */
  releasable(query: ListQuery): Promise<Releasable>;
  /** Releases addresses, each only while it has the owner that was seen. */
  releaseEach(addresses: readonly Address[], options: Omit<ReleaseOptions, 'generation'>): Promise<Releases>;
  /** Moves the expiry of an address, or of all addresses of a device. The list is empty if nothing was held. */
  renew(target: Target, options: RenewOptions): Promise<CommandResult<readonly Address[]>>;
  /** Returns an address, also a released one, or all addresses that a device holds. */
  find(target: Target): Promise<FoundAddresses>;
  list(query: ListQuery): Promise<Page<Address>>;
  /** Lists the addresses that live objects use without owning them, of any prefix. Has the order of addresses. */
  listObserved(query: ListQuery): Promise<Page<Address>>;
  /** Reports the addresses of `list`, then every change, until the process ends. */
  watch(query: ListQuery, listener: WatchListener): Promise<never>;
  /** Returns where `export` reads the addresses of a query. */
  reservations(filters: ListFilters): ReservationSource;
  /** Returns the addresses in which a text is found, the best first. */
  search(text: string, limit: number): Promise<Address[]>;
  stats(): Promise<PoolCounts[]>;
  /** Returns what happened in each hour since a moment, by pool and time. For each pool, the last hour before it comes first. */
  history(since: Date): Promise<PoolHour[]>;
  /** Returns the states of consecutive addresses, one byte each: MAP_STATES. */
  map(first: MacAddress, count: number): Promise<Uint8Array>;
  /** Returns a page of changes. `isCut`: the limit left out older ones. */
  audit(query: AuditQuery): Promise<AuditPage>;
  pools(): Promise<Pool[]>;
  /** Changes the definition of a pool. Returns a line that says what changed. */
  changePool(change: PoolChange): Promise<CommandResult<string>>;
  /** Returns the prefixes of the ledger, in the order of their addresses. */
  prefixes(): Promise<LedgerPrefix[]>;
  /** Returns addresses and device ids that begin with `prefix`, for completion. */
  suggest(prefix: string, limit: number): Promise<{ readonly text: string; readonly description: string }[]>;
  close(): Promise<void>;
}

/** The result of a request that changes the ledger. */
export type CommandResult<T> =
  | { readonly kind: 'done'; readonly value: T }
  /** A dry run only describes the change: another caller may get the address first, so scripts must not read it. */
  | { readonly kind: 'dry-run'; readonly message: string }
  | { readonly kind: 'refused'; readonly refusal: CommandRefusal };

type OptionalFields<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** An address. A MacAllocation shows only some of what the ledger knows, so most fields may be absent. */
export type Address = Pick<AddressView, 'mac' | 'pool' | 'metadata'> &
  OptionalFields<Omit<AddressView, 'state'>> & {
    /** `observed`: an object uses it that does not own it, in a list of such addresses. */
    readonly state: AddressState | 'observed';
    /** The live objects that use it without owning it. Only `find` on a ledger returns them. */
    readonly observedOn?: readonly ObservedOn[];
  };

export type ObservedOn = Observation['object'] & Pick<Observation, 'since'>;

/** A pool. Counts are absent if only the ledger knows them and it cannot be read. */
export type PoolCounts = Pick<PoolStats, 'pool' | 'description' | 'first' | 'last' | 'paused'> &
  OptionalFields<PoolStats>;

export type AuditLine = AuditEntryView;

export interface AuditPage {
  readonly lines: readonly AuditLine[];
  readonly isCut: boolean;
  /** Every entry up to this id was read, also those that the query leaves out. Newer ones may come before others are visible. */
  readonly reached?: number | undefined;
}

/** Why a person makes a change, for the audit. In a cluster, the operator reads it in an annotation. */
interface WithReason {
  readonly reason?: string | undefined;
}

/** Limits a change to the owner that the user saw. Another one is refused. */
interface OfGeneration {
  readonly generation?: number | undefined;
}

export interface ReleaseOptions extends WithReason, OfGeneration {
  readonly force: boolean;
}

export interface RenewOptions extends WithReason, OfGeneration {
  readonly seconds?: number | undefined;
}

export interface AllocateRequest extends WithReason {
  readonly pool: string;
  readonly device: Device;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Makes the request idempotent: the same key returns the same address. Without one, each call allocates. */
  readonly requestKey?: string | undefined;
  /** Default: the auto-release period of the pool. */
  readonly expiresAfterSeconds?: number | undefined;
  /** The labels of the new MacAllocations. A ledger knows no labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface AllocateSetRequest extends AllocateRequest {
  readonly count: number;
  /** The new MacAllocations are `<prefix>-1` to `<prefix>-<count>`. A ledger knows no names. */
  readonly namePrefix?: string | undefined;
}

export interface AllocatedSet {
  readonly addresses: readonly Address[];
  readonly refusals: readonly CommandRefusal[];
  /** How many were not tried, because a refusal concerns them too. */
  readonly untried: number;
}

export interface ReserveRequest extends WithReason {
  /** Default: the pool whose range contains `mac`, or `reserved` without `mac`. */
  readonly pool?: string | undefined;
  readonly mac?: MacAddress | undefined;
  /** Takes `mac` also before its reuse delay is over. */
  readonly overridesDelay?: boolean | undefined;
  readonly device: Device;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly requestKey?: string | undefined;
}

export interface TransferRequest extends WithReason {
  readonly mac: MacAddress;
  /** `namespace/name` of a claim, or the id of a device. */
  readonly to: string;
  /** The type of the device. Default: that of the device that has the address. */
  readonly type?: string | undefined;
}

/** What to change in the description of a device. */
export interface SetRequest extends WithReason {
  /** New values of keys of the metadata. */
  readonly values: Readonly<Record<string, string>>;
  /** Keys to remove from the metadata. */
  readonly without: readonly string[];
  /** Null removes the type. Default: unchanged. */
  readonly type?: string | null | undefined;
}

export interface Releases {
  readonly released: readonly Address[];
  /**
   * The addresses that are not sticky any more, but stay with the object that uses them until it ends. In a dry run those of all names,
   * because only the operator knows which are in use.
   */
  readonly left: readonly Address[];
  /** The addresses that are still held, each with the reason. */
  readonly kept: readonly { readonly address: Address; readonly refusal: CommandRefusal }[];
}

export interface Releasable {
  readonly addresses: readonly Address[];
  /** How many others fit that only the end of their objects releases. */
  readonly left: number;
}

export interface FoundAddresses {
  readonly addresses: readonly Address[];
  /** Whether the ledger was read, so that the audit can be read too. MacAllocations have no history. */
  readonly fromLedger: boolean;
}

export type PoolChange = WithReason &
  (
    | { readonly kind: 'add'; readonly definition: PoolDefinition }
    /** Pools only grow at their end. */
    | { readonly kind: 'grow'; readonly pool: string; readonly last: MacAddress }
    | { readonly kind: 'strategy'; readonly pool: string; readonly strategy: PoolStrategy }
    | { readonly kind: 'pause' | 'resume' | 'delete'; readonly pool: string }
  );

export const SORT_KEYS = ['newest', 'mac', 'pool', 'device'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface ListQuery {
  /** Default: all pools. */
  readonly pools?: readonly string[] | undefined;
  /** Default: all states. */
  readonly states?: readonly AddressState[] | undefined;
  readonly device?: string | undefined;
  readonly deviceType?: string | undefined;
  /** All of these conditions. */
  readonly metadata?: readonly MetadataTerm[] | undefined;
  /** `kind/namespace/name`, `namespace/name` or `name` of an object in a cluster. */
  readonly owner?: string | undefined;
  readonly namespace?: string | undefined;
  /** A label selector of Kubernetes for MacAllocations. A ledger knows no labels. */
  readonly labels?: string | undefined;
  /** Only addresses allocated at or after this moment. */
  readonly since?: Date | undefined;
  /** Only addresses allocated before this moment. */
  readonly before?: Date | undefined;
  readonly sortBy: SortKey;
  readonly limit: number;
  /** `next` of the previous page. */
  readonly after?: string | undefined;
}

/** What a query selects, without the order and the place of a page. */
export type ListFilters = Omit<ListQuery, 'sortBy' | 'limit' | 'after'>;

export interface WatchListener {
  readonly onAddress: (address: Address) => void;
  /** Called if the limit leaves out addresses of the first list. */
  readonly onCut: () => void;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** The token of the next page; absent on the last page. */
  readonly next?: string | undefined;
}

export interface AuditQuery {
  readonly target?: Target | undefined;
  readonly pool?: string | undefined;
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly since?: Date | undefined;
  /** Returns only entries with a higher id, oldest first. Without it, the newest entries come first. To follow either, pass `reached`. */
  readonly afterId?: number | undefined;
  readonly limit: number;
}
