import { DEFAULT_POOLS, defaultPools, type PoolDefinition } from '../../api/default-pools.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { deviceKey } from '../../ledger/address/holder-key.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { LegacyConfig } from '../../ledger/import/predecessor-config.ts';
import { definePool, listPools, removePool } from '../../ledger/pool/pools.ts';
import { changePrefix } from '../../ledger/pool/prefix.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { type MacPrefix, rangeContains } from '../../mac/mac-range.ts';
import { UserError } from '../errors.ts';

const DAY_SECONDS = 86_400;

/** The ledger requires a lease of pending addresses. Reserved addresses have none. */
const LEASE_SECONDS = 60;

/** The part of a pool's range that one ledger manages. */
export interface Slice {
  readonly pool: string;
  readonly first: PoolDefinition['first'];
  readonly last: PoolDefinition['last'];
}

/** Replaces all pools of a ledger by the slice, in one transaction. Throws a UserError if a pool has allocations. */
export async function sliceLedger(ledger: LedgerClient, slice: Slice, actor: string): Promise<void> {
  const defaults = DEFAULT_POOLS.find(({ name }) => name === slice.pool);
  const definition = {
    name: slice.pool,
    first: slice.first,
    last: slice.last,
    description: defaults?.description ?? '',
    autoReleaseSeconds: defaults === undefined ? DAY_SECONDS : defaults.autoReleaseSeconds,
    reuseDelaySeconds: defaults?.reuseDelaySeconds ?? DAY_SECONDS,
  };
  await ledger.transaction(async (transaction) => {
    const used = await removePools(transaction, actor);
    if (used !== undefined) throw poolInUse(used);
    await defineOrRefuse(transaction, definition, actor);
  });
}

/**
 * Moves a ledger to another prefix, in one transaction. A prefix of three octets gets the default pools, any other gets
 * none. Throws a UserError if the ledger has allocations or clusters.
 */
export async function movePrefix(ledger: LedgerClient, prefix: MacPrefix, actor: string): Promise<void> {
  const { prefix: known } = await ledgerState(ledger);
  if (known === prefix) return;
  await ledger.transaction(async (transaction) => {
    const used = await removePools(transaction, actor);
    if (used !== undefined || !(await changePrefix(transaction, prefix))) throw prefixInUse(known);
    const pools = prefix.split(':').length === 3 ? defaultPools(prefix) : [];
    for (const pool of pools) await defineOrRefuse(transaction, pool, actor);
  });
}

/** Removes all pools. Stops at the first pool with allocations and returns its name. */
async function removePools(transaction: Queryable, actor: string): Promise<string | undefined> {
  for (const { name } of await listPools(transaction)) {
    if ((await removePool(transaction, name, actor)) !== 'removed') return name;
  }
  return undefined;
}

/** Applies a configuration file of the predecessor: its pools and its manually assigned addresses. Returns lines to print. */
export async function configureLedger(ledger: LedgerClient, config: LegacyConfig, actor: string): Promise<string[]> {
  const { prefix } = await ledgerState(ledger);
  if (prefix !== config.prefix) {
    throw new UserError(
      `The configuration file has the prefix ${config.prefix}, the ledger ${prefix}.`,
      'Remove the prefix from the file, or name another file with --config.',
    );
  }
  const defined: string[] = [];
  for (const pool of config.pools) {
    if (await redefineUnused(ledger, pool, actor)) defined.push(pool.name);
  }
  const reserved = await reserveFirst(ledger, config, actor);
  return [
    ...(defined.length === 0 ? [] : [`Pools as in the configuration file: ${defined.join(', ')}`]),
    ...(reserved === 0
      ? []
      : [`Reserved the first addresses of the pools, ${String(reserved)} in all (reserve_first)`]),
    ...config.warnings,
  ];
}

/** Defines a pool as in the file. Returns false for an unchanged pool and for one that has allocations. */
async function redefineUnused(ledger: LedgerClient, pool: PoolDefinition, actor: string): Promise<boolean> {
  return ledger.transaction(async (transaction) => {
    const known = (await listPools(transaction)).find(({ name }) => name === pool.name);
    if (known?.used === true || (known !== undefined && sameDefinition(known, pool))) return false;
    if (known !== undefined) await removePool(transaction, pool.name, actor);
    await defineOrRefuse(transaction, pool, actor);
    return true;
  });
}

function sameDefinition(a: PoolDefinition, b: PoolDefinition): boolean {
  return (
    a.first === b.first &&
    a.last === b.last &&
    a.autoReleaseSeconds === b.autoReleaseSeconds &&
    a.reuseDelaySeconds === b.reuseDelaySeconds
  );
}

async function defineOrRefuse(db: Queryable, pool: PoolDefinition, actor: string): Promise<void> {
  const outcome = await definePool(db, pool, actor);
  if (outcome === 'defined' || outcome === 'unchanged') return;
  const why = outcome === 'outside_prefix' ? 'is outside the prefix of the ledger' : 'overlaps another pool';
  throw new UserError(`Pool ${pool.name} (${pool.first} to ${pool.last}) ${why}.`, 'Choose another range.');
}

/** Reserves the first addresses of each pool (`reserve_first`). Each has its own key, so a second run changes nothing. */
async function reserveFirst(ledger: LedgerClient, { pools, keptBack }: LegacyConfig, actor: string): Promise<number> {
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
        reason: 'reserved by the configuration file',
      }));
    const outcomes =
      requests.length === 0 ? [] : await allocate(ledger, pool.name, requests, { leaseSeconds: LEASE_SECONDS });
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

function prefixInUse(known: string): UserError {
  return new UserError(
    `The ledger has the prefix ${known} and keeps it, because it has allocations or clusters.`,
    'Create a new ledger for another prefix.',
    'conflict',
  );
}
