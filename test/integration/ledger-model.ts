import type { PoolStrategy } from '../../api/pool-strategy.ts';
import type { AddressState } from '../../ledger/address/owner.ts';

/**
 * A model of the ledger: the rules of the design as a few maps in memory, without locks, indexes or skipping cursors.
 * The property test compares it with the ledger. Addresses are numbers, times are microseconds.
 */
export interface Model {
  now: number;
  epoch: number;
  mode: 'open' | 'recovering';
  /** The database has failed over, and the ledger has not noticed yet. */
  failedOver: boolean;
  readonly replicationGap: number;
  readonly pools: ModelPool[];
  readonly rows: Map<number, ModelRow>;
  /** Clusters that may allocate, with the last epoch in which they reported. */
  readonly clusters: Map<string, number>;
  /** The processes of webhooks that have reported, all of cluster `c1`, with the time of their last call. */
  readonly holders: Map<string, number>;
}

export interface ModelPool {
  readonly name: string;
  readonly first: number;
  last: number;
  strategy: PoolStrategy;
  /** The cursor of the sequential order. */
  next: number;
  /** The addresses in the random order, as the ledger has them, and how many of them are below its cursor. */
  draws: number;
  order: readonly number[];
  /** About how many addresses earlier random orders handed out. */
  drawnBefore: number;
  paused: boolean;
  readonly reuseDelay: number;
  readonly autoRelease: number | undefined;
  /** Release time of the last reused address. No later release gets an earlier time. */
  lastReuse: number;
}

export interface ModelOwner {
  readonly cluster?: string | undefined;
  readonly kind?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly uid?: string | undefined;
  readonly device?: string | undefined;
}

export interface ModelRow {
  state: AddressState;
  generation: number;
  key: string;
  who: ModelOwner;
  replicationGap: boolean;
  allocatedAt: number;
  expiresAt: number | undefined;
  releasedAt: number | undefined;
  kept: boolean;
  consumer: { key: string; until: number | undefined } | undefined;
  /** Since when nothing uses a sticky address. */
  missingSince?: number | undefined;
  /** Where the last pod of a sticky address may still run. */
  node?: string | undefined;
  /** Whether it was released although its pod may still run. */
  endUnseen?: boolean | undefined;
}

export interface ModelRequest {
  readonly key: string;
  readonly who: ModelOwner;
  readonly state: 'stocked' | 'pending' | 'active' | 'reserved';
  readonly requested: number | undefined;
  readonly ttl: number | undefined;
  readonly namespaceSince?: number | undefined;
  readonly unusedLimit?: number | undefined;
}

export interface ModelResult {
  readonly outcome: string;
  readonly addr?: number | undefined;
  readonly generation?: number | undefined;
  readonly until?: number | undefined;
}

/** A compare-and-set on one owner of one address. */
export interface ModelAddressRef {
  readonly addr: number;
  readonly generation: number;
  readonly key: string;
}

const MINUTE = 60_000_000;

export const LEASE = 2 * MINUTE;

/** For this long, a holder that left nothing behind is known. */
const HOLDER_KEPT = 24 * 60 * MINUTE;

function holderOf(model: Model, key: string): number | undefined {
  for (const [addr, row] of model.rows) if (row.key === key && row.state !== 'released') return addr;
  return undefined;
}

export const isSticky = (key: string) => key.startsWith('sticky/');

function poolOf(model: Model, addr: number): ModelPool {
  const pool = model.pools.find(({ first, last }) => addr >= first && addr <= last);
  if (pool === undefined) throw new Error(`no pool has ${String(addr)}`);
  return pool;
}

/** Returns the released addresses of a pool, longest waiting first. */
function queue(model: Model, pool: ModelPool): [number, number][] {
  return [...model.rows]
    .filter(([addr, row]) => row.state === 'released' && addr >= pool.first && addr <= pool.last)
    .map(([addr, row]): [number, number] => [addr, row.releasedAt ?? 0])
    .sort(([a, atA], [b, atB]) => atA - atB || a - b);
}

function closedReason(model: Model): string | undefined {
  if (model.failedOver) return 'timeline_changed';
  return model.mode === 'open' ? undefined : model.mode;
}

/** Allocates for a group and returns results in the order of its requests. */
export function allocateInModel(
  model: Model,
  pool: ModelPool,
  requests: readonly ModelRequest[],
  lease = LEASE,
): ModelResult[] {
  const closed = closedReason(model) ?? (pool.paused ? 'pool_paused' : undefined);
  if (closed !== undefined) return requests.map(() => ({ outcome: closed }));
  const admitted = requests.filter(({ who }) => who.cluster === undefined || model.clusters.has(who.cluster));
  const replayed = new Set(admitted.filter(({ key }) => holderOf(model, key) !== undefined).map(({ key }) => key));
  const refused = stickyRefusals(model, admitted);
  for (const request of firstOfEach(admitted, ({ key }) => key))
    if (!refused.has(request.key)) renewHeld(model, pool, request, lease);
  for (const key of overUnusedLimit(model, admitted)) refused.set(key, 'unused_limit');
  const fresh = admitted.filter(({ key }) => !replayed.has(key) && !refused.has(key));
  const named = placeNamed(model, pool, fresh);
  const unnamed = fresh.filter(({ key, requested }) => requested === undefined && !named.has(key));
  const unique = firstOfEach(unnamed, ({ key }) => key);
  const sticky = unique.filter(({ key }) => isSticky(key)).sort((a, b) => (a.key < b.key ? -1 : 1));
  placeNext(model, pool, [...unique.filter(({ key }) => !isSticky(key)), ...sticky]);
  return requests.map((request) => {
    if (!admitted.includes(request)) return { outcome: 'not_adopted' };
    const refusal = refused.get(request.key);
    return refusal === undefined ? resultOf(model, pool, request, replayed) : { outcome: refusal };
  });
}

/** Returns why sticky keys do not get the address that they hold. */
function stickyRefusals(model: Model, requests: readonly ModelRequest[]): Map<string, string> {
  const refused = new Map<string, string>();
  for (const { key, namespaceSince = -Infinity } of requests) {
    const row = model.rows.get(holderOf(model, key) ?? -1);
    if (row === undefined || !isSticky(key)) continue;
    if (namespaceSince > row.allocatedAt) refused.set(key, 'other_namespace');
    else if (row.node !== undefined && !refused.has(key)) refused.set(key, 'consumer_unreachable');
  }
  return refused;
}

/** Returns the new sticky keys whose namespace has too many unused addresses. */
function overUnusedLimit(model: Model, requests: readonly ModelRequest[]): string[] {
  const unused = [...model.rows.values()].filter(
    ({ key, state, missingSince }) => isSticky(key) && state === 'active' && missingSince !== undefined,
  );
  return requests
    .filter(({ key }) => isSticky(key) && holderOf(model, key) === undefined)
    .filter(({ who, unusedLimit = Infinity }) => {
      return unused.filter((row) => row.who.namespace === who.namespace).length >= unusedLimit;
    })
    .map(({ key }) => key);
}

/** Renews the address that a key holds: the lease of a pending one, the period of a device. A sticky one is unused anew. */
function renewHeld(model: Model, pool: ModelPool, { key, ttl }: ModelRequest, lease: number): void {
  const addr = holderOf(model, key);
  const row = model.rows.get(addr ?? -1);
  if (addr === undefined || row === undefined) return;
  if (row.missingSince !== undefined && row.state === 'active' && isSticky(key)) {
    row.missingSince = Math.max(model.now, row.missingSince + 1_000);
  }
  const period = renewalOf(row, ttl ?? pool.autoRelease, lease);
  if (row.expiresAt === undefined || period === undefined) return;
  if (poolOf(model, addr) === pool || isSticky(key)) row.expiresAt = Math.max(row.expiresAt, model.now + period);
}

function renewalOf({ state, who }: ModelRow, ofDevice: number | undefined, lease: number): number | undefined {
  if (state === 'pending') return lease;
  return who.cluster === undefined ? ofDevice : undefined;
}

function firstOfEach<T>(items: readonly T[], by: (item: T) => unknown): T[] {
  const seen = new Set<unknown>();
  return items.filter((item) => !seen.has(by(item)) && seen.add(by(item)));
}

/** Serves requests for a specific address; the first request for an address counts. Returns their keys. */
function placeNamed(model: Model, pool: ModelPool, fresh: readonly ModelRequest[]): Set<string> {
  const inRange = fresh.filter(({ requested: addr = -1 }) => addr >= pool.first && addr <= pool.last);
  const named = firstOfEach(
    firstOfEach(inRange, ({ key }) => key),
    ({ requested }) => requested,
  );
  for (const request of named) {
    const addr = request.requested ?? -1;
    const row = model.rows.get(addr);
    if (row === undefined || mayTake(model, pool, row, request.who)) place(model, pool, addr, request);
  }
  return new Set(named.map(({ key }) => key));
}

function mayTake(model: Model, pool: ModelPool, row: ModelRow, who: ModelOwner): boolean {
  const same = (...parts: (keyof ModelOwner)[]) =>
    parts.every((part) => who[part] !== undefined && who[part] === row.who[part]);
  if (row.kept) return same('cluster', 'kind', 'namespace');
  if (row.state !== 'released') return false;
  if ((row.releasedAt ?? 0) <= model.now - pool.reuseDelay) return true;
  if (row.endUnseen !== true && same('cluster', 'kind', 'namespace', 'name')) return true;
  return who.cluster === undefined && row.who.cluster === undefined && same('device');
}

/** How many turns a pool has left. Where one order has come to its end, no address is left for the other one. */
function turnsLeft({ first, last, strategy, next, draws }: ModelPool): number {
  const [inOrder, atRandom] = [last - next + 1, last - first + 1 - draws];
  if (inOrder === 0 || atRandom === 0) return 0;
  return strategy === 'random' ? atRandom : inOrder;
}

/** Moves the cursor of a pool over the next addresses that were never used, at most so many, and returns them. */
function takeNeverUsed(model: Model, pool: ModelPool, count: number): number[] {
  const found: number[] = [];
  while (found.length < count && turnsLeft(pool) > 0) {
    const addr = pool.strategy === 'random' ? pool.order[pool.draws++] : pool.next++;
    if (addr !== undefined && !model.rows.has(addr)) found.push(addr);
  }
  return found;
}

/** Serves the others: never-used addresses in the order of the pool, then those released longest ago. */
function placeNext(model: Model, pool: ModelPool, requests: readonly ModelRequest[]): void {
  const waiting = [...requests];
  for (const addr of takeNeverUsed(model, pool, waiting.length)) {
    const request = waiting.shift();
    if (request !== undefined) place(model, pool, addr, request);
  }
  const reusable = queue(model, pool).filter(([, releasedAt]) => releasedAt <= model.now - pool.reuseDelay);
  for (const [addr, releasedAt] of reusable) {
    const request = waiting.shift();
    if (request === undefined) return;
    place(model, pool, addr, request);
    pool.lastReuse = releasedAt;
  }
}

function place(model: Model, pool: ModelPool, addr: number, request: ModelRequest): void {
  const { key, who, state, ttl, namespaceSince = -Infinity } = request;
  const before = model.rows.get(addr);
  const kept = before?.kept === true;
  const period = ttl ?? (who.cluster === undefined ? pool.autoRelease : undefined);
  const expiry = { pending: model.now + LEASE, active: period && model.now + period }[state as string];
  model.rows.set(addr, {
    state: kept ? 'reserved' : state,
    generation: (before?.generation ?? 0) + 1,
    key,
    who,
    replicationGap: false,
    allocatedAt: isSticky(key) ? Math.max(model.now, namespaceSince) : model.now,
    expiresAt: kept ? undefined : expiry,
    releasedAt: undefined,
    kept: false,
    consumer: before?.consumer,
  });
}

function resultOf(model: Model, pool: ModelPool, request: ModelRequest, replayed: ReadonlySet<string>): ModelResult {
  const addr = holderOf(model, request.key);
  const row = model.rows.get(addr ?? -1);
  if (addr === undefined || row === undefined) return refusal(model, pool, request.requested);
  const isOther = request.requested !== undefined && request.requested !== addr;
  if (isOther || (poolOf(model, addr) !== pool && !isSticky(request.key))) return { outcome: 'key_conflict' };
  const outcome = replayed.has(request.key) ? 'replayed' : 'allocated';
  return { outcome, addr, generation: row.generation, until: row.expiresAt };
}

function refusal(model: Model, pool: ModelPool, requested: number | undefined): ModelResult {
  if (requested === undefined) {
    return turnsLeft(pool) > 0 ? { outcome: 'retry' } : { outcome: 'exhausted', until: nextReuse(model, pool) };
  }
  if (requested < pool.first || requested > pool.last) return { outcome: 'out_of_range' };
  const holder = model.rows.get(requested);
  if (holder === undefined) return { outcome: 'retry' }; // only the first request of a key was served
  const until = holder.releasedAt === undefined ? holder.expiresAt : holder.releasedAt + pool.reuseDelay;
  return { outcome: 'in_use', addr: requested, until };
}

function nextReuse(model: Model, pool: ModelPool): number | undefined {
  const [head] = queue(model, pool);
  return head && head[1] + pool.reuseDelay;
}

export function releaseInModel(
  model: Model,
  { addr, generation, key }: ModelAddressRef,
  { force, endUnseen }: { readonly force: boolean; readonly endUnseen: boolean },
): string {
  const row = model.rows.get(addr);
  if (row === undefined) return 'unknown';
  if (row.generation !== generation || row.key !== key) return 'not_owner';
  if (row.state === 'released') return 'already_released';
  const refusal = force ? undefined : needsForce(row);
  if (refusal !== undefined) return refusal;
  if (row.consumer !== undefined && (!force || model.clusters.has(row.who.cluster ?? ''))) return 'has_consumer';
  free(model, addr, row);
  row.endUnseen = endUnseen;
  return 'released';
}

function needsForce({ state, node }: ModelRow): string | undefined {
  if (state !== 'pending' && state !== 'active') return 'needs_force';
  return node === undefined ? undefined : 'unreachable';
}

function free(model: Model, addr: number, row: ModelRow): void {
  const releasedAt = Math.max(model.now, poolOf(model, addr).lastReuse + 1);
  const ended = { expiresAt: undefined, kept: false, consumer: undefined, missingSince: undefined, node: undefined };
  Object.assign(row, { state: 'released', releasedAt, ...ended, endUnseen: false });
}

/** Whether a caller knows the owner of a sticky address that is held. */
function holdsSticky(row: ModelRow | undefined, { generation, key }: ModelAddressRef): row is ModelRow {
  return row?.state === 'active' && isSticky(key) && row.generation === generation && row.key === key;
}

export function markUnusedInModel(model: Model, item: ModelAddressRef): string {
  const row = model.rows.get(item.addr);
  if (!holdsSticky(row, item)) return 'not_held';
  row.missingSince ??= model.now;
  return 'unused';
}

export function releaseUnusedInModel(model: Model, item: ModelAddressRef, missingSince: number): string {
  const row = model.rows.get(item.addr);
  if (row === undefined) return 'unknown';
  if (row.generation !== item.generation || row.key !== item.key) return 'not_owner';
  if (row.state === 'released') return 'already_released';
  if (row.node !== undefined) return 'unreachable';
  if (!holdsSticky(row, item) || row.consumer !== undefined || row.missingSince !== missingSince) return 'used';
  free(model, item.addr, row);
  return 'released';
}

export function markUnreachableInModel(model: Model, item: ModelAddressRef, node: string): string {
  const row = model.rows.get(item.addr);
  if (!holdsSticky(row, item)) return 'not_held';
  row.node ??= node;
  return row.node === node ? 'marked' : 'other_node';
}

/** Ends the mark of a node on an address, and returns that if it had one. */
export function clearUnreachableInModel(model: Model, node: string, item: ModelAddressRef): number[] {
  const row = model.rows.get(item.addr);
  if (!holdsSticky(row, item) || row.node !== node) return [];
  row.node = undefined;
  return [item.addr];
}

/** Releases a pending address or a claim whose time is over. */
export function releaseExpiredInModel(model: Model, { addr, generation, key }: ModelAddressRef): string {
  const row = model.rows.get(addr);
  if (row === undefined) return 'unknown';
  if (row.generation !== generation || row.key !== key) return 'not_owner';
  if (row.state === 'released') return 'already_released';
  if (row.consumer !== undefined) return 'has_consumer';
  const mayExpire = row.who.cluster !== undefined && (row.state === 'pending' || row.state === 'active');
  if (!mayExpire || row.expiresAt === undefined || row.expiresAt >= model.now) return 'renewed';
  free(model, addr, row);
  return 'released';
}

interface Binding {
  readonly addr: number;
  readonly key: string;
  readonly boundKey: string;
  readonly who: ModelOwner;
  /** Whether the stored object proves that a webhook answered with the address for it. */
  readonly isProved: boolean;
}

export function bindInModel(model: Model, binding: Binding): string {
  const { addr, key, boundKey, who } = binding;
  const row = model.rows.get(addr);
  if (row === undefined) return 'unknown';
  if (!mayBind(model, row, binding)) return row.key === boundKey && row.state === 'active' ? 'bound' : 'conflict';
  const holder = holderOf(model, boundKey);
  if (holder !== undefined && holder !== addr) return 'conflict';
  if (row.who.kind === 'Webhook') row.replicationGap = false;
  const ended = { expiresAt: undefined, releasedAt: undefined, missingSince: undefined };
  Object.assign(row, { state: 'active', ...ended, node: boundKey === key ? row.node : undefined, key: boundKey, who });
  return 'bound';
}

function mayBind(model: Model, row: ModelRow, { key, who, isProved }: Binding): boolean {
  if (row.key !== key || row.who.cluster !== who.cluster || !model.clusters.has(who.cluster ?? '')) return false;
  const isOpen = row.state === 'active' ? isSticky(key) && row.who.name === who.name : row.state !== 'reserved';
  const isSame = row.who.namespace === who.namespace && row.who.kind === who.kind;
  return isOpen && (isSame || (row.who.kind === 'Webhook' && isProved));
}

/** Sets addresses aside for a holder. A repeated fill returns the same ones. */
export function fillInModel(
  model: Model,
  pool: ModelPool,
  { holder, fillId, count }: { readonly holder: string; readonly fillId: string; readonly count: number },
): ModelAddressRef[] {
  if (!model.holders.has(holder)) return [];
  model.holders.set(holder, model.now);
  if (pool.paused) return [];
  const known = stockInModel(model, holder).filter(({ key }) => key.startsWith(`stock/${fillId}/`));
  if (known.length > 0) return known;
  const want = Math.min(count, Math.floor(freeIn(model, pool) / 16) - stockedIn(model, pool));
  const who = { cluster: 'c1', kind: 'Webhook', name: `webhook-${holder}`, uid: holder };
  const requests = Array.from({ length: Math.max(0, want) }, (_, n): ModelRequest => {
    return { key: `stock/${fillId}/${String(n + 1)}`, who, state: 'stocked', requested: undefined, ttl: undefined };
  });
  const results = allocateInModel(model, pool, requests, 0);
  return results.flatMap(({ outcome, addr = 0, generation = 0 }, n) =>
    outcome === 'allocated' ? [{ addr, generation, key: requests[n]?.key ?? '' }] : [],
  );
}

/** Counts what can be handed out now, with what lies ahead of the cursor and may be in use. */
function freeIn(model: Model, pool: ModelPool): number {
  const reusable = queue(model, pool).filter(([, releasedAt]) => releasedAt <= model.now - pool.reuseDelay);
  return neverUsed(pool) + reusable.length;
}

/** About how many addresses were never used, in the arithmetic of the ledger. */
function neverUsed(pool: ModelPool): number {
  return Math.floor((neverDrawn(pool) * (pool.last - pool.next + 1)) / (pool.last - pool.first + 1));
}

function neverDrawn({ first, last, draws, drawnBefore }: ModelPool): number {
  const size = last - first + 1;
  return ((size - draws) * (size - drawnBefore)) / size;
}

function stockedIn(model: Model, pool: ModelPool): number {
  const rows = [...model.rows].filter(([addr, { state }]) => state === 'stocked' && poolOf(model, addr) === pool);
  return rows.length;
}

/** Returns the stock of a holder, in the order of the addresses. `andSetAside`: and what a recovery has set aside of it. */
export function stockInModel(model: Model, holder: string, andSetAside?: 'andSetAside'): ModelAddressRef[] {
  return [...model.rows]
    .filter(([, { who }]) => who.kind === 'Webhook' && who.uid === holder)
    .filter(([, row]) => row.state === 'stocked' || (andSetAside === 'andSetAside' && isSetAside(row)))
    .sort(([a], [b]) => a - b)
    .map(([addr, { generation, key }]) => ({ addr, generation, key }));
}

function isSetAside({ state, who, replicationGap }: ModelRow): boolean {
  return state === 'orphaned' && who.kind === 'Webhook' && replicationGap;
}

/** Returns the stock of a holder, each address with whether it may be used. */
export function checkInModel(
  model: Model,
  holder: string,
): readonly (ModelAddressRef & { isUsable: boolean })[] | string {
  if (closedReason(model) !== undefined) return 'LEDGER_READ_ONLY';
  model.holders.set(holder, model.now);
  for (const [id, seenAt] of model.holders) {
    const left = [...model.rows.values()].some(({ who, state }) => who.uid === id && state !== 'released');
    if (seenAt < model.now - HOLDER_KEPT && !left) model.holders.delete(id);
  }
  for (const row of model.rows.values())
    if (row.who.uid === holder && isSetAside(row)) row.who = { ...row.who, uid: undefined };
  const found = stockInModel(model, holder);
  return found.map((each) => ({ ...each, isUsable: !poolOf(model, each.addr).paused }));
}

/** Records for whom a holder answered. If the key has an address already, this one is pending under its own key. */
export function assignInModel(
  model: Model,
  { addr, generation, key }: ModelAddressRef,
  boundKey: string,
  who: ModelOwner,
): string {
  const row = model.rows.get(addr);
  if (row?.state !== 'stocked' || row.generation !== generation || row.key !== key) return 'not_stocked';
  const isSecond = holderOf(model, boundKey) !== undefined;
  const times = { allocatedAt: isSecond ? row.allocatedAt : model.now, expiresAt: model.now + LEASE };
  Object.assign(row, { state: 'pending', key: isSecond ? key : boundKey, who: { ...who, uid: undefined }, ...times });
  return isSecond ? 'second' : 'assigned';
}

export function returnInModel(model: Model, { addr, generation, key }: ModelAddressRef, isUnused: boolean): string {
  const row = model.rows.get(addr);
  if (row === undefined || row.generation !== generation || row.key !== key) return 'not_stocked';
  if (row.state !== 'stocked' && (isUnused || !isSetAside(row))) return 'not_stocked';
  free(model, addr, row);
  const pool = poolOf(model, addr);
  if (isUnused) row.releasedAt = Math.max(model.now - pool.reuseDelay, pool.lastReuse + 1);
  return 'returned';
}

/** Everything that the cluster holds becomes orphaned, and only force releases it. */
export function retireInModel(model: Model, cluster: string): string {
  const isFirst = model.clusters.delete(cluster);
  for (const row of model.rows.values()) {
    const isHeld = row.state === 'stocked' || row.state === 'pending' || row.state === 'active' || isSetAside(row);
    if (row.who.cluster !== cluster || !isHeld) continue;
    const ended = { expiresAt: undefined, missingSince: undefined, node: undefined };
    Object.assign(row, { state: 'orphaned', replicationGap: false, ...ended });
  }
  openIfReady(model);
  return isFirst ? 'retired' : 'unchanged';
}

export function keepInModel(model: Model, { addr, generation, key }: ModelAddressRef): string {
  const row = model.rows.get(addr);
  if (row === undefined) return 'unknown';
  if (row.generation !== generation || row.key !== key) return 'not_owner';
  if (row.state !== 'reserved') return 'not_reserved';
  if (row.consumer !== undefined && !row.kept) return 'has_consumer';
  row.kept = true;
  return 'kept';
}

export function renewInModel(
  model: Model,
  { addr, generation, key }: ModelAddressRef,
  ttl: number | undefined,
): ModelResult {
  const row = model.rows.get(addr);
  if (row === undefined) return { outcome: 'unknown' };
  if (row.generation !== generation || row.key !== key || row.state !== 'active') return { outcome: 'not_owner' };
  if (row.expiresAt === undefined) return { outcome: 'never_expires' };
  const period = ttl ?? poolOf(model, addr).autoRelease;
  if (period !== undefined) row.expiresAt = model.now + period;
  return { outcome: 'renewed', until: row.expiresAt };
}

/** Expires devices in the order of addresses. None expire before a recovery has extended them. */
export function expireInModel(model: Model, pool: string, limit: number): number[] {
  if (closedReason(model) !== undefined) return [];
  const due = [...model.rows]
    .filter(
      ([addr, { state, who }]) => poolOf(model, addr).name === pool && state === 'active' && who.cluster === undefined,
    )
    .filter(([, { expiresAt }]) => expiresAt !== undefined && expiresAt < model.now)
    .sort(([a], [b]) => a - b)
    .slice(0, limit);
  for (const [addr, row] of due) free(model, addr, row);
  return due.map(([addr]) => addr);
}

/** Returns pending addresses of a cluster with an expired lease, oldest expiry first. */
export function expiredLeasesInModel(model: Model, cluster: string): number[] {
  return [...model.rows]
    .filter(([, { state, who }]) => state === 'pending' && who.cluster === cluster)
    .filter(([, { expiresAt = 0 }]) => expiresAt < model.now)
    .sort(([a, rowA], [b, rowB]) => (rowA.expiresAt ?? 0) - (rowB.expiresAt ?? 0) || a - b)
    .map(([addr]) => addr);
}

export function adoptInModel(
  model: Model,
  addr: number,
  key: string,
  who: ModelOwner,
  state: 'active' | 'reserved',
): ModelResult {
  if (!model.clusters.has(who.cluster ?? '')) return { outcome: 'not_registered' };
  const holder = holderOf(model, key);
  const row = model.rows.get(addr);
  if (holder === addr) return { outcome: 'held', generation: row?.generation };
  if (holder !== undefined) return { outcome: 'key_conflict' };
  if (row !== undefined && !mayAdopt(row, who)) return { outcome: 'conflict' };
  const generation = (row?.generation ?? 0) + 1;
  const times = { allocatedAt: model.now, expiresAt: undefined, releasedAt: undefined };
  const consumer = row?.consumer;
  model.rows.set(addr, { state, generation, key, who, replicationGap: false, ...times, kept: false, consumer });
  return { outcome: 'adopted', generation };
}

function mayAdopt(row: ModelRow, who: ModelOwner): boolean {
  if (row.state === 'released') return true;
  return (
    row.state === 'orphaned' && (row.replicationGap || (row.who.cluster === who.cluster && row.who.uid === who.uid))
  );
}

export interface ConsumerQuestion {
  readonly claimKey: string;
  readonly expected: string | undefined;
  readonly key: string;
  /** Absent: the object was seen. */
  readonly lease: number | undefined;
}

export function takeConsumerInModel(model: Model, request: ConsumerQuestion): ModelResult {
  const closed = closedReason(model);
  if (closed !== undefined && request.lease !== undefined) return { outcome: closed };
  const addr = holderOf(model, request.claimKey);
  const row = model.rows.get(addr ?? -1);
  if (row === undefined || row.kept || (row.state !== 'active' && row.state !== 'reserved'))
    return { outcome: 'unknown' };
  if (mayConsume(model, row, request)) row.consumer = { key: request.key, until: leaseEnd(model, row, request) };
  return row.consumer?.key === request.key
    ? { outcome: 'taken', addr, until: row.consumer.until }
    : { outcome: 'in_use' };
}

function mayConsume(model: Model, row: ModelRow, { key, expected }: ConsumerQuestion): boolean {
  const { consumer } = row;
  if (consumer?.key === key) return consumer.until !== undefined; // a seen consumer gets no lease again
  const usesAnother = [...model.rows.values()].some((other) => other.consumer?.key === key);
  return consumer?.key === expected && !usesAnother;
}

function leaseEnd(model: Model, { consumer }: ModelRow, { key, lease }: ConsumerQuestion): number | undefined {
  if (lease === undefined) return undefined;
  return Math.max(consumer?.key === key ? (consumer.until ?? 0) : 0, model.now + lease);
}

interface SetQuestion {
  readonly cluster: string;
  readonly keys: readonly string[];
  readonly users: readonly string[];
}

/** Returns for each user the claim that it has, or the unused claim with the lowest address. */
function pickClaims(model: Model, { cluster, keys, users }: SetQuestion): readonly number[] {
  const claims = [...model.rows]
    .filter(([, row]) => row.who.cluster === cluster && !row.kept && ['active', 'reserved'].includes(row.state))
    .sort(([a], [b]) => a - b);
  const unused = claims.filter(
    ([, row]) => keys.includes(row.key) && row.consumer === undefined && (row.expiresAt ?? Infinity) > model.now,
  );
  return users.flatMap((user) => {
    const found = claims.find(([, { consumer }]) => consumer?.key === user) ?? unused.shift();
    return found?.[0] ?? [];
  });
}

export function takeUnusedClaimsInModel(
  model: Model,
  question: SetQuestion,
): { readonly outcome: string; readonly addrs: readonly number[] } {
  const { users } = question;
  const closed = closedReason(model);
  const addrs = pickClaims(model, question);
  if (closed !== undefined) return { outcome: closed, addrs: [] };
  if (addrs.length < users.length) return { outcome: 'none_unused', addrs: [] };
  const others = [...model.rows].filter(([addr]) => !addrs.includes(addr));
  if (others.some(([, { consumer }]) => users.includes(consumer?.key ?? ''))) return { outcome: 'busy', addrs: [] };
  for (const [index, key] of users.entries()) {
    const row = model.rows.get(addrs[index] ?? -1);
    const isSeen = row?.consumer !== undefined && row.consumer.until === undefined;
    if (row !== undefined && !isSeen)
      row.consumer = { key, until: Math.max(row.consumer?.until ?? 0, model.now + LEASE) };
  }
  return { outcome: 'taken', addrs };
}

export function dropConsumerInModel(model: Model, addr: number, key: string): string {
  const row = model.rows.get(addr);
  if (row?.consumer?.key !== key || (row.consumer.until ?? -Infinity) >= model.now) return 'not_consumer';
  row.consumer = undefined;
  return 'dropped';
}

export function pauseInModel(pool: ModelPool, paused: boolean): string {
  if (pool.paused === paused) return 'unchanged';
  pool.paused = paused;
  return paused ? 'paused' : 'resumed';
}

/** `order`: the random order of the longer pool. */
export function growInModel(pool: ModelPool, last: number, order: readonly number[]): string {
  if (last === pool.last) return 'unchanged';
  if (last < pool.last) return 'would_shrink';
  const drawnBefore = pool.last - pool.first + 1 - Math.floor(neverDrawn(pool));
  Object.assign(pool, { last, order, draws: 0, drawnBefore });
  return 'grown';
}

export function setStrategyInModel(pool: ModelPool, strategy: PoolStrategy): string {
  if (pool.strategy === strategy) return 'unchanged';
  pool.strategy = strategy;
  return 'changed';
}

/** The last allocations may be lost: the next addresses in allocation order are set aside, and all stock. */
export function recoverInModel(model: Model): void {
  if (!model.failedOver) return;
  model.failedOver = false;
  model.epoch += 1;
  model.mode = 'recovering';
  for (const pool of model.pools) loseTail(model, pool);
  for (const row of model.rows.values()) {
    if (row.state === 'stocked') Object.assign(row, { state: 'orphaned', replicationGap: true });
  }
  for (const [addr, row] of model.rows) extendExpiry(model, addr, row);
  for (const row of model.rows.values()) row.missingSince = undefined;
  openIfReady(model);
}

function loseTail(model: Model, pool: ModelPool): void {
  const { next, draws } = pool;
  const neverUsed = takeNeverUsed(model, pool, model.replicationGap);
  // The ledger leaves the cursor behind the last one that it set aside.
  if (neverUsed.length === 0) Object.assign(pool, { next, draws });
  const reusableSoon = queue(model, pool)
    .filter(([, releasedAt]) => releasedAt <= model.now - pool.reuseDelay + 5 * MINUTE)
    .slice(0, model.replicationGap - neverUsed.length)
    .map(([addr]) => addr);
  for (const addr of [...neverUsed, ...reusableSoon]) {
    model.rows.set(addr, {
      state: 'orphaned',
      generation: (model.rows.get(addr)?.generation ?? 0) + 1,
      key: `replication-gap/${String(model.epoch)}/${String(addr)}`,
      who: {},
      replicationGap: true,
      allocatedAt: model.now,
      expiresAt: undefined,
      releasedAt: undefined,
      kept: false,
      consumer: undefined,
    });
  }
}

/** A renewal may be lost too. */
function extendExpiry(model: Model, addr: number, row: ModelRow): void {
  if (row.state !== 'active' || row.who.cluster !== undefined || row.expiresAt === undefined) return;
  const period = poolOf(model, addr).autoRelease ?? row.expiresAt - row.allocatedAt;
  row.expiresAt = Math.max(row.expiresAt, model.now + period);
}

function openIfReady(model: Model): void {
  if ([...model.clusters.values()].every((reportedEpoch) => reportedEpoch === model.epoch)) model.mode = 'open';
}

export function reportInModel(model: Model, cluster: string): string {
  if (!model.clusters.has(cluster)) return 'not_registered';
  model.clusters.set(cluster, model.epoch);
  openIfReady(model);
  return model.mode;
}
