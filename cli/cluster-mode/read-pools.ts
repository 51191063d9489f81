import { type MacPoolStatus, poolCountsOf } from '../../api/mac-pool.ts';
import { readPoolDefinition } from '../../api/pool-definition.ts';
import { type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import type { Pool } from '../../ledger/pool/pools.ts';
import type { PoolCounts } from '../backend.ts';
import { unknownPool, UserError } from '../errors.ts';
import type { Scope } from './scope.ts';

/** Returns the pools as the MacPools define them, with the strategies of the ledger, in the order of their ranges. */
export async function poolsOfCluster(scope: Scope): Promise<Pool[]> {
  return (await listMacPools(scope)).flatMap((macPool) => toPool(macPool) ?? []).sort(byRange);
}

/** Returns the counts that the operator last wrote into the MacPools. */
export async function statsOfCluster(scope: Scope): Promise<PoolCounts[]> {
  return (await listMacPools(scope)).flatMap((macPool) => toCounts(macPool) ?? []).sort(byRange);
}

/** Returns the counts in a MacPool; `undefined` for one whose range no ledger can have. */
export function toCounts(macPool: MacPool): PoolCounts | undefined {
  const pool = toPool(macPool);
  if (pool === undefined) return undefined;
  const { name, first, last, description, strategy, paused } = pool;
  const counts = poolCountsOf(macPool.status ?? {});
  return { pool: name, description, first, last, strategy, paused, ...counts, utilisation: percentHeld(counts) };
}

/** Computes the percentage from the counts, because status.utilisation may be a text such as `<0.01%`. */
function percentHeld({ capacity, free }: Pick<MacPoolStatus, 'capacity' | 'free'>): number | undefined {
  if (capacity === undefined || free === undefined) return undefined;
  return Number(((100 * (capacity - free)) / capacity).toFixed(2));
}

/** Returns a MacPool. Throws a UserError if there is none of this name. */
export async function getMacPool(name: string, scope: Scope): Promise<MacPool> {
  const pool = await scope.client.find(macPools, { name }).catch(undefinedForInvalidName);
  if (pool !== undefined) return pool;
  const names = (await listMacPools(scope)).map(({ metadata }) => metadata.name);
  throw UserError.from(unknownPool(name, names));
}

/** The client throws a RangeError for a text that cannot be the name of an object. */
function undefinedForInvalidName(error: unknown): undefined {
  if (!(error instanceof RangeError)) throw error;
}

function toPool({ metadata, spec, status }: MacPool): Pool | undefined {
  const read = readPoolDefinition(metadata.name, spec);
  if (!read.ok) return undefined;
  const used = status !== undefined && status.free !== status.capacity;
  const strategy = status?.strategy ?? read.definition.strategy;
  return { ...read.definition, strategy, paused: spec.paused === true, used };
}

function byRange(a: Pick<Pool, 'first'>, b: Pick<Pool, 'first'>): number {
  return a.first < b.first ? -1 : 1;
}

async function listMacPools({ client }: Scope): Promise<MacPool[]> {
  return (await client.list(macPools)).items;
}
