import { DEFAULT_POOLS, defaultPoolsUnder, type PoolDefinition } from '../../api/default-pools.ts';
import { DEFAULT_STRATEGY } from '../../api/pool-strategy.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { deviceKey } from '../../ledger/address/holder-key.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { LegacyConfig } from '../../ledger/import/predecessor-config.ts';
import { definePool, listPools, removePool } from '../../ledger/pool/pools.ts';
import { listPrefixes, removePrefix } from '../../ledger/pool/prefixes.ts';
import { isUsed } from '../../ledger/state/is-used.ts';
import { type Prefixes, rangeContains } from '../../mac/mac-range.ts';
import { UserError } from '../errors.ts';
import type { Author } from './current-user.ts';
import { addOrRefuse } from './prefixes.ts';

const DAY_SECONDS = 86_400;

/** The ledger requires a lease of pending addresses. Reserved addresses have none. */
const LEASE_SECONDS = 60;

/** The part of a pool's range that one ledger manages. */
export interface Slice {
  readonly pool: string;
  readonly first: PoolDefinition['first'];
  readonly last: PoolDefinition['last'];
}

/** Replaces all pools of a ledger by the slice. Throws a UserError if a pool has allocations. */
export async function sliceLedger(transaction: Queryable, slice: Slice, author: Author): Promise<void> {
  const defaults = DEFAULT_POOLS.find(({ name }) => name === slice.pool);
  const definition = {
    name: slice.pool,
    first: slice.first,
    last: slice.last,
    description: defaults?.description ?? '',
    autoReleaseSeconds: defaults === undefined ? DAY_SECONDS : defaults.autoReleaseSeconds,
    reuseDelaySeconds: defaults?.reuseDelaySeconds ?? DAY_SECONDS,
  };
  const used = await removePools(transaction, author);
  if (used !== undefined) throw poolInUse(used);
  await defineOrRefuse(transaction, definition, author);
}

/**
 * Gives a new ledger other prefixes and pools. Throws a UserError if it is not new: it has allocations, clusters, or pools that
 * somebody defined.
 */
export async function startUnder(
  transaction: Queryable,
  prefixes: Prefixes,
  pools: readonly PoolDefinition[],
  author: Author,
): Promise<void> {
  const known = (await listPrefixes(transaction)).map(({ prefix }) => prefix);
  if (sameSet(known, prefixes)) return;
  const defaults = defaultPoolsUnder(known);
  const own = (await listPools(transaction)).filter((pool) => !defaults.some((each) => sameDefinition(each, pool)));
  if (own.length > 0) throw prefixesKept(known, `pools of its own: ${own.map(({ name }) => name).join(', ')}`);
  // The first statement locks the pools, so no address is handed out before the end of the transaction.
  const used = await removePools(transaction, author);
  if (used !== undefined || (await isUsed(transaction))) throw prefixesKept(known, 'allocations or clusters');
  for (const prefix of known) await removePrefix(transaction, prefix, author.actor, author.reason);
  for (const prefix of prefixes) await addOrRefuse(transaction, { prefix }, author.actor, author.reason);
  for (const pool of pools) await defineOrRefuse(transaction, pool, author);
}

function sameSet(known: Prefixes, wanted: Prefixes): boolean {
  return known.length === new Set(wanted).size && wanted.every((prefix) => known.includes(prefix));
}

/** Removes all pools. Stops at the first pool with allocations and returns its name. */
async function removePools(transaction: Queryable, { actor, reason }: Author): Promise<string | undefined> {
  for (const { name } of await listPools(transaction)) {
    if ((await removePool(transaction, name, actor, undefined, reason)) !== 'removed') return name;
  }
  return undefined;
}

/** Applies a configuration file of the predecessor: its pools and its manually assigned addresses. Returns lines to print. */
export async function configureLedger(transaction: Queryable, config: LegacyConfig, author: Author): Promise<string[]> {
  const prefixes = (await listPrefixes(transaction)).map(({ prefix }) => prefix);
  if (!prefixes.includes(config.prefix)) {
    throw new UserError(
      `The configuration file has the prefix ${config.prefix}, the ledger ${prefixes.join(', ')}.`,
      'Remove the prefix from the file, or name another file with --config.',
    );
  }
  const defined: string[] = [];
  for (const pool of config.pools) {
    if (await redefineUnused(transaction, pool, author)) defined.push(pool.name);
  }
  const reserved = await reserveFirst(transaction, config, author);
  return [
    ...(defined.length === 0 ? [] : [`Pools as in the configuration file: ${defined.join(', ')}`]),
    ...(reserved === 0
      ? []
      : [`Reserved the first addresses of the pools, ${String(reserved)} in all (reserve_first)`]),
    ...config.warnings,
  ];
}

/** Defines a pool as in the file. Returns false for an unchanged pool and for one that has allocations. */
async function redefineUnused(transaction: Queryable, pool: PoolDefinition, author: Author): Promise<boolean> {
  const known = (await listPools(transaction)).find(({ name }) => name === pool.name);
  if (known?.used === true || (known !== undefined && sameDefinition(known, pool))) return false;
  if (known !== undefined) await removePool(transaction, pool.name, author.actor, undefined, author.reason);
  await defineOrRefuse(transaction, pool, author);
  return true;
}

function sameDefinition(a: PoolDefinition, b: PoolDefinition): boolean {
  return (
    a.name === b.name &&
    a.first === b.first &&
    a.last === b.last &&
    a.autoReleaseSeconds === b.autoReleaseSeconds &&
    a.reuseDelaySeconds === b.reuseDelaySeconds &&
    (a.strategy ?? DEFAULT_STRATEGY) === (b.strategy ?? DEFAULT_STRATEGY)
  );
}

async function defineOrRefuse(db: Queryable, pool: PoolDefinition, { actor, reason }: Author): Promise<void> {
  const outcome = await definePool(db, pool, actor, reason);
  if (outcome === 'defined' || outcome === 'unchanged') return;
  const why = outcome === 'outside_prefix' ? 'is under no prefix of the ledger' : 'overlaps another pool';
  throw new UserError(`Pool ${pool.name} (${pool.first} to ${pool.last}) ${why}.`, 'Choose another range.');
}

/** Reserves the first addresses of each pool (`reserve_first`). Each has its own key, so a second run changes nothing. */
async function reserveFirst(
  transaction: Queryable,
  { pools, keptBack }: LegacyConfig,
  { actor, reason }: Author,
): Promise<number> {
  let count = 0;
  for (const pool of pools) {
    const requests = keptBack
      .filter((mac) => rangeContains(pool, mac))
      .map((mac) => ({
        key: deviceKey(`kept-back/${mac}`),
        pool: pool.name,
        requested: mac,
        state: 'reserved' as const,
        device: { type: 'reserved' },
        requester: actor,
        actor,
        reason: reason ?? 'reserved by the configuration file',
      }));
    const outcomes =
      requests.length === 0 ? [] : await allocate(transaction, pool.name, requests, { leaseSeconds: LEASE_SECONDS });
    count += outcomes.filter(({ outcome }) => outcome === 'allocated').length;
  }
  return count;
}

function poolInUse(pool: string): UserError {
  return new UserError(
    `Pool ${pool} of this ledger has allocations, so the ledger cannot be restricted to a slice.`,
    'Create a new ledger for the slice.',
    'conflict',
  );
}

function prefixesKept(known: Prefixes, why: string): UserError {
  return new UserError(
    `The ledger has the prefix ${known.join(', ')} and keeps it, because it has ${why}.`,
    'Add another one with `rock-mac prefix add`, or create a new ledger.',
    'conflict',
  );
}
