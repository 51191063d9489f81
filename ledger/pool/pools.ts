import { z } from 'zod';
import type { PoolDefinition } from '../../api/default-pools.ts';
import { DEFAULT_STRATEGY, POOL_STRATEGIES, type PoolStrategy } from '../../api/pool-strategy.ts';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { addrSchema } from '../address/owner.ts';
import { requireReason } from '../address/reason.ts';
import { requireValid } from '../address/validate.ts';
import { optionalColumn, storableText } from '../column-schemas.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';

/** A pool as stored in the ledger. */
export interface Pool extends PoolDefinition {
  readonly strategy: PoolStrategy;
  readonly paused: boolean;
  /** Whether it ever handed out an address. Then only its end may move, and it is never removed. */
  readonly used: boolean;
  /** The cluster whose login defined it. Absent: the pool belongs to the owner of the ledger. */
  readonly clusterId?: string | undefined;
  /** The cluster whose MacPool paused it. Absent: a person did, or it is not paused. */
  readonly pausedBy?: string | undefined;
  /** The cluster whose MacPool made it random. Absent: a person did, or it is sequential. */
  readonly randomBy?: string | undefined;
}

const poolRow: z.ZodType<Pool> = z
  .object({
    name: z.string(),
    first: addrSchema,
    last: addrSchema,
    description: z.string(),
    auto_release_seconds: z.int().nullable(),
    reuse_delay_seconds: z.int(),
    strategy: z.enum(POOL_STRATEGIES),
    paused: z.boolean(),
    used: z.boolean(),
    cluster_id: optionalColumn(z.string()),
    paused_by: optionalColumn(z.string()),
    random_by: optionalColumn(z.string()),
  })
  .transform(({ auto_release_seconds, reuse_delay_seconds, cluster_id, paused_by, random_by, ...pool }) => ({
    ...pool,
    autoReleaseSeconds: auto_release_seconds,
    reuseDelaySeconds: reuse_delay_seconds,
    clusterId: cluster_id,
    pausedBy: paused_by,
    randomBy: random_by,
  }));

/** Returns all pools, in the order of their ranges. */
export function listPools(db: Queryable): Promise<Pool[]> {
  return db.query({
    text: `select name, first, last, description, paused, extract(epoch from auto_release)::bigint as auto_release_seconds,
             extract(epoch from reuse_delay)::bigint as reuse_delay_seconds, strategy, random_by,
             exists (select 1 from rock_mac.addresses a where a.addr between p.first and p.last) as used, nullif(cluster_id, '') as cluster_id, paused_by
           from rock_mac.pools p order by first`,
    values: [],
    row: poolRow,
  });
}

const definitionSchema = z
  .object({
    name: z
      .string()
      .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'may contain only lower-case letters, digits and inner dashes'),
    description: storableText(1024),
    autoReleaseSeconds: z.int().min(3_600, 'is shorter than an hour').max(3_155_760_000).nullable(),
    reuseDelaySeconds: z.int().min(60, 'is shorter than a minute').max(3_155_760_000),
  })
  .loose();

function requireValidPool(pool: PoolDefinition): void {
  requireValid(definitionSchema, pool, `The definition of pool ${JSON.stringify(pool.name)}`);
  const inOrder = z.boolean().refine(Boolean, `first ${pool.first} is after last ${pool.last}`);
  requireValid(inOrder, macToNumber(pool.first) <= macToNumber(pool.last), `The range of pool ${pool.name}`);
}

/**
 * `conflict`: a pool of this name has another range or other periods. `overlaps`: its range shares an address with
 * another pool. `outside_prefix`: the range is not under the prefix of the ledger. `not_allowed`, here and below: the pool
 * belongs to the owner of the ledger or to another cluster, and this login may not change it.
 */
export type DefineOutcome = 'defined' | 'unchanged' | 'conflict' | 'overlaps' | 'outside_prefix' | 'not_allowed';

/** Defines a pool unless it exists. Compares everything but the description and the strategy with the existing one. */
export async function definePool(
  db: Queryable,
  pool: PoolDefinition,
  actor: string,
  reason = '',
): Promise<DefineOutcome> {
  requireValidPool(pool);
  requireReason(reason);
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.define_pool($1, $2, $3, make_interval(secs => $4), make_interval(secs => $5), $6, $7, $8, $9) as outcome`,
    values: [
      pool.name,
      macToNumber(pool.first),
      macToNumber(pool.last),
      pool.autoReleaseSeconds,
      pool.reuseDelaySeconds,
      pool.strategy ?? DEFAULT_STRATEGY,
      pool.description,
      actor,
      reason,
    ],
    row: z.object({
      outcome: z.enum(['defined', 'unchanged', 'conflict', 'overlaps', 'outside_prefix', 'not_allowed']),
    }),
  });
  return outcome;
}

const GROW_OUTCOMES = [
  'grown',
  'unchanged',
  'would_shrink',
  'overlaps',
  'outside_prefix',
  'pool_not_found',
  'not_allowed',
] as const;
export type GrowOutcome = (typeof GROW_OUTCOMES)[number];

/** Extends a pool by moving its last address. */
export async function growPool(
  db: Queryable,
  name: string,
  last: MacAddress,
  actor: string,
  reason = '',
): Promise<GrowOutcome> {
  requireReason(reason);
  requireValid(storableText(63), name, 'The name of the pool');
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.grow_pool($1, $2, $3, $4) as outcome`,
    values: [name, macToNumber(last), actor, reason],
    row: z.object({ outcome: z.enum(GROW_OUTCOMES) }),
  });
  return outcome;
}

const PAUSE_OUTCOMES = ['paused', 'resumed', 'unchanged', 'paused_elsewhere', 'pool_not_found', 'not_allowed'] as const;
/** `paused_elsewhere`: a person or another cluster paused it, so this cluster does not resume it. */
export type PauseOutcome = (typeof PAUSE_OUTCOMES)[number];

/**
 * Pauses or resumes a pool. A paused pool hands out nothing; its addresses stay valid and can be released.
 *
 * @param clusterId is the cluster whose MacPool says so. Without it, a person does.
 */
export async function pausePool(
  db: Queryable,
  name: string,
  paused: boolean,
  actor: string,
  clusterId?: string,
  reason = '',
): Promise<PauseOutcome> {
  requireReason(reason);
  requireValid(storableText(63), name, 'The name of the pool');
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.pause_pool($1, $2, $3, $4, $5) as outcome`,
    values: [name, paused, actor, clusterId, reason],
    row: z.object({ outcome: z.enum(PAUSE_OUTCOMES) }),
  });
  return outcome;
}

const STRATEGY_OUTCOMES = ['changed', 'unchanged', 'random_elsewhere', 'pool_not_found', 'not_allowed'] as const;
/** `random_elsewhere`: a person or another cluster made it random, so this cluster does not make it sequential. */
export type StrategyOutcome = (typeof STRATEGY_OUTCOMES)[number];

/**
 * Changes the order in which a pool hands out addresses that were never used.
 *
 * @param clusterId is the cluster whose MacPool says so. Without it, a person does.
 */
export async function setPoolStrategy(
  db: Queryable,
  name: string,
  strategy: PoolStrategy,
  actor: string,
  clusterId?: string,
  reason = '',
): Promise<StrategyOutcome> {
  requireReason(reason);
  requireValid(storableText(63), name, 'The name of the pool');
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.set_pool_strategy($1, $2, $3, $4, $5) as outcome`,
    values: [name, strategy, actor, clusterId, reason],
    row: z.object({ outcome: z.enum(STRATEGY_OUTCOMES) }),
  });
  return outcome;
}

export type RemoveOutcome = 'removed' | 'paused' | 'in_use' | 'pool_not_found' | 'not_allowed';

/**
 * Removes a pool that never handed out an address. Pauses one that did, unless some of its addresses are held.
 *
 * @param clusterId is the cluster whose MacPool is deleted. Without it, a person removes the pool.
 */
export async function removePool(
  db: Queryable,
  name: string,
  actor: string,
  clusterId?: string,
  reason = '',
): Promise<RemoveOutcome> {
  requireReason(reason);
  requireValid(storableText(63), name, 'The name of the pool');
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.remove_pool($1, $2, $3, $4) as outcome`,
    values: [name, actor, clusterId, reason],
    row: z.object({ outcome: z.enum(['removed', 'paused', 'in_use', 'pool_not_found', 'not_allowed']) }),
  });
  return outcome;
}

/**
 * Limits how many addresses of a pool each namespace of a cluster may hold; `undefined` removes the limit. Every cluster has
 * its own limits. Addresses that are held already stay held.
 */
export async function limitPool(
  db: Queryable,
  { clusterId, pool }: { readonly clusterId: string; readonly pool: string },
  maxPerNamespace: number | undefined,
  { actor, reason = '' }: { readonly actor?: string | undefined; readonly reason?: string | undefined } = {},
): Promise<'limited' | 'unlimited' | 'pool_not_found'> {
  requireValid(z.int().min(1).max(16_777_216).optional(), maxPerNamespace, `The limit of pool ${pool}`);
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.limit_pool($1, $2, $3, coalesce($4, session_user), $5) as outcome`,
    values: [clusterId, pool, maxPerNamespace, actor, reason],
    row: z.object({ outcome: z.enum(['limited', 'unlimited', 'pool_not_found']) }),
  });
  return outcome;
}
