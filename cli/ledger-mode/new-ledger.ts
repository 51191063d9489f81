import { allocate } from '../../ledger/address/allocate.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { deviceKey } from '../../ledger/address/holder-key.ts';
import type { LegacyConfig } from '../../ledger/import/predecessor-config.ts';
import { definePool, listPools, removePool } from '../../ledger/pool/pools.ts';
import { changePrefix } from '../../ledger/pool/prefix.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { DEFAULT_POOLS, defaultPools, type PoolDefinition } from '../../api/default-pools.ts';
import { rangeContains, type MacPrefix } from '../../mac/mac-range.ts';
import { UserError } from '../errors.ts';

const DAY = 86_400;

/** A part of one pool's range, for which a ledger is made the authority. */
export interface Slice {
  readonly pool: string;
  readonly first: PoolDefinition['first'];
  readonly last: PoolDefinition['last'];
}

/** Leaves one pool, that of the slice, in a ledger that has handed out nothing yet. All of it or nothing. */
export async function sliceLedger(ledger: LedgerClient, slice: Slice, actor: string): Promise<void> {
  const usual = DEFAULT_POOLS.find(({ name }) => name === slice.pool);
  const definition = {
    name: slice.pool,
    first: slice.first,
    last: slice.last,
    description: usual?.description ?? '',
    autoReleaseSeconds: usual === undefined ? DAY : usual.autoReleaseSeconds,
    reuseDelaySeconds: usual?.reuseDelaySeconds ?? DAY,
  };
  await ledger.transaction(async (transaction) => {
    const used = await removePools(transaction, actor);
    if (used !== undefined) throw inUse(used);
    await defineOrRefuse(transaction, definition, actor);
  });
}

/**
 * Puts a ledger on which nobody counts yet under another prefix. One of three octets has the default pools, any other has
 * none until somebody defines them. All of it or nothing.
 */
export async function movePrefix(ledger: LedgerClient, prefix: MacPrefix, actor: string): Promise<void> {
  const { prefix: known } = await ledgerState(ledger);
  if (known === prefix) return;
  await ledger.transaction(async (transaction) => {
    const used = await removePools(transaction, actor);
    if (used !== undefined || !(await changePrefix(transaction, prefix))) throw keepsPrefix(known);
    const pools = prefix.split(':').length === 3 ? defaultPools(prefix) : [];
    for (const pool of pools) await defineOrRefuse(transaction, pool, actor);
  });
}

/** Takes all pools away, or answers with one that has handed out addresses. */
async function removePools(transaction: Queryable, actor: string): Promise<string | undefined> {
  for (const { name } of await listPools(transaction)) {
    if ((await removePool(transaction, name, actor)) !== 'removed') return name;
  }
  return undefined;
}

/** The pools of an old configuration file, and its addresses that people give out by hand. Answers with what was done. */
export async function configureLedger(ledger: LedgerClient, config: LegacyConfig, actor: string): Promise<string[]> {
  const { prefix } = await ledgerState(ledger);
  if (prefix !== config.prefix) {
    throw new UserError(
      `The configuration file has the prefix ${config.prefix}, the ledger ${prefix}.`,
      'Take the prefix out of the file, or name another file with --config.',
    );
  }
  const defined: string[] = [];
  for (const pool of config.pools) {
    if (await redefineUnused(ledger, pool, actor)) defined.push(pool.name);
  }
  const kept = await keepBack(ledger, config, actor);
  return [
    ...(defined.length === 0 ? [] : [`Pools as in the configuration file: ${defined.join(', ')}`]),
    ...(kept === 0 ? [] : [`Reserved the first addresses of the pools, ${String(kept)} in all (reserve_first)`]),
    ...config.warnings,
  ];
}

/** A pool that has handed out an address stays as it is. */
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
  const why =
    outcome === 'outside_prefix' ? 'lies outside of the prefix of the ledger' : 'shares addresses with another';
  throw new UserError(`Pool ${pool.name} (${pool.first} to ${pool.last}) ${why}.`, 'Choose another range.');
}

/** Each under a key of its own, so that doing it again changes nothing. */
async function keepBack(ledger: LedgerClient, { pools, keptBack }: LegacyConfig, actor: string): Promise<number> {
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
        reason: 'kept back by the configuration file',
      }));
    const outcomes = requests.length === 0 ? [] : await allocate(ledger, pool.name, requests, { leaseSeconds: 60 });
    count += outcomes.filter(({ outcome }) => outcome === 'allocated').length;
  }
  return count;
}

function inUse(pool: string): UserError {
  return new UserError(
    `Pool ${pool} of this ledger has handed out addresses already, so it cannot become one for a slice.`,
    'Make a new ledger for the slice.',
    'conflict',
  );
}

function keepsPrefix(known: string): UserError {
  return new UserError(
    `The ledger has the prefix ${known} and keeps it: addresses or clusters count on it.`,
    'Make a new ledger for another prefix.',
    'conflict',
  );
}
