import type { PoolStrategy } from '../../api/pool-strategy.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import {
  definePool,
  growPool,
  listPools,
  pausePool,
  type Pool,
  removePool,
  setPoolStrategy,
} from '../../ledger/pool/pools.ts';
import { listPrefixes } from '../../ledger/pool/prefixes.ts';
import { livingCluster } from '../../ledger/state/clusters.ts';
import { type MacRange, rangesOverlap } from '../../mac/mac-range.ts';
import type { PoolChange } from '../backend.ts';
import { unknownPool, UserError } from '../errors.ts';
import type { Author } from './current-user.ts';

/** Changes a pool of the ledger. Returns a line that says what changed. Throws a UserError if the ledger refuses it. */
export async function changePool(db: Queryable, change: PoolChange, actor: string): Promise<string> {
  const by = { actor, reason: change.reason };
  if (change.kind === 'add') return await addPool(db, change.definition, by);
  const pools = await listPools(db);
  const pool = pools.find(({ name }) => name === change.pool);
  if (pool === undefined) throw notFound(change.pool, pools);
  await requireNoMacPool(db, pool, change);
  switch (change.kind) {
    case 'grow':
      return await grow(db, pool, change.last, by);
    case 'strategy':
      return await setStrategy(db, pool, change.strategy, by);
    case 'pause':
    case 'resume':
      return await pause(db, pool, change.kind === 'pause', by);
    case 'delete':
      return await remove(db, pool, by);
  }
}

type Definition = Extract<PoolChange, { readonly kind: 'add' }>['definition'];

async function addPool(db: Queryable, definition: Definition, { actor, reason }: Author): Promise<string> {
  const { name, first, last } = definition;
  const outcome = await definePool(db, definition, actor, reason);
  switch (outcome) {
    case 'defined':
      return `Added: pool ${name}, ${first} to ${last}`;
    case 'unchanged':
      await requireStrategy(db, definition);
      return `Unchanged: the ledger has pool ${name}, ${first} to ${last}`;
    case 'conflict':
      throw new UserError(
        `The ledger has a pool ${name} with another range or other periods.`,
        `\`rock-mac pool describe ${name}\` shows them. Choose another name.`,
        'conflict',
      );
    case 'overlaps':
      throw await overlap(db, definition);
    case 'outside_prefix':
      throw await outsidePrefix(db, definition);
    case 'not_allowed':
      throw notAllowed();
  }
}

/** Refuses to add a pool that exists and has another strategy. */
async function requireStrategy(db: Queryable, { name, strategy }: Definition): Promise<void> {
  const held = (await listPools(db)).find((pool) => pool.name === name);
  if (held === undefined || strategy === undefined || held.strategy === strategy) return;
  throw new UserError(
    `The ledger has a pool ${name} that is ${held.strategy}.`,
    `\`rock-mac pool strategy ${name} ${strategy}\` changes it.`,
    'conflict',
  );
}

async function grow(db: Queryable, pool: Pool, last: Pool['last'], { actor, reason }: Author): Promise<string> {
  const { name, first } = pool;
  const outcome = await growPool(db, name, last, actor, reason);
  switch (outcome) {
    case 'grown':
      return `Grown: pool ${name}, ${first} to ${last}`;
    case 'unchanged':
      return `Unchanged: pool ${name} ends at ${last}`;
    case 'would_shrink':
      throw new UserError(
        `Pool ${name} ends at ${pool.last}, which is after ${last}.`,
        'A pool never shrinks, because its addresses may be in use. Name a later address.',
      );
    case 'overlaps':
      throw await overlap(db, { ...pool, last });
    case 'outside_prefix':
      throw await outsidePrefix(db, { first, last });
    case 'pool_not_found':
      throw notFound(name, []);
    case 'not_allowed':
      throw notAllowed();
  }
}

async function setStrategy(
  db: Queryable,
  { name }: Pool,
  strategy: PoolStrategy,
  { actor, reason }: Author,
): Promise<string> {
  const outcome = await setPoolStrategy(db, name, strategy, actor, undefined, reason);
  switch (outcome) {
    case 'changed':
      return `Changed: pool ${name} is ${strategy}`;
    case 'unchanged':
      return `Unchanged: pool ${name} is ${strategy} already`;
    case 'pool_not_found':
      throw notFound(name, []);
    case 'random_elsewhere':
    case 'not_allowed':
      throw notAllowed();
  }
}

async function pause(db: Queryable, { name }: Pool, paused: boolean, { actor, reason }: Author): Promise<string> {
  const outcome = await pausePool(db, name, paused, actor, undefined, reason);
  switch (outcome) {
    case 'paused':
      return `Paused: pool ${name} hands out nothing. Its addresses stay valid`;
    case 'resumed':
      return `Resumed: pool ${name} hands out addresses`;
    case 'unchanged':
      return `Unchanged: pool ${name} is ${paused ? 'paused already' : 'not paused'}`;
    case 'pool_not_found':
      throw notFound(name, []);
    case 'paused_elsewhere':
    case 'not_allowed':
      throw notAllowed();
  }
}

async function remove(db: Queryable, { name }: Pool, { actor, reason }: Author): Promise<string> {
  const outcome = await removePool(db, name, actor, undefined, reason);
  switch (outcome) {
    case 'removed':
      return `Deleted: pool ${name}`;
    case 'paused':
      return `Paused: pool ${name} handed out addresses, so it stays with their history and hands out nothing any more`;
    case 'in_use':
      throw new UserError(
        `Addresses of pool ${name} are held, so it was not deleted.`,
        `\`rock-mac list --pool ${name}\` shows them. Release them, or pause the pool: \`rock-mac pool pause ${name}\`.`,
        'conflict',
      );
    case 'pool_not_found':
      throw notFound(name, []);
    case 'not_allowed':
      throw notAllowed();
  }
}

/**
 * Refuses a change of a pool that a living cluster defined, and to undo what its MacPool did: its operator would do it again, or report
 * a conflict.
 */
async function requireNoMacPool(
  db: Queryable,
  pool: Pool,
  change: Exclude<PoolChange, { kind: 'add' }>,
): Promise<void> {
  const { name } = pool;
  const { clusterId, verb } = decided(pool, change);
  const cluster = await livingCluster(db, clusterId);
  if (cluster === undefined) return;
  const command = change.kind === 'strategy' ? `strategy ${name} ${change.strategy}` : `${change.kind} ${name}`;
  throw new UserError(
    `Pool ${name} is ${verb} by a MacPool of cluster ${cluster.name}, whose operator would undo the change.`,
    `Change the MacPool: \`kubectl rock-mac pool ${command}\` in that cluster. If it no longer exists, retire it first: ` +
      `\`rock-mac cluster retire ${cluster.clusterId}\`.`,
    'conflict',
  );
}

/**
 * Returns the cluster that decides about a change, and how it did. Only who paused a pool or made it random may undo that, not who
 * defined it. A person may undo what a person did.
 */
function decided({ pausedBy, randomBy, clusterId }: Pool, change: PoolChange) {
  if (change.kind === 'resume') return { clusterId: pausedBy, verb: 'paused' };
  if (change.kind === 'strategy' && change.strategy === 'sequential')
    return { clusterId: randomBy, verb: 'made random' };
  return { clusterId, verb: 'defined' };
}

async function overlap(db: Queryable, range: Pick<Pool, 'name' | 'first' | 'last'>): Promise<UserError> {
  const others = (await listPools(db)).filter((pool) => pool.name !== range.name && rangesOverlap(pool, range));
  const named = others.map(({ name, first, last }) => `${name} (${first} to ${last})`).join(', ');
  return new UserError(
    `The range ${range.first} to ${range.last} overlaps pool ${named}.`,
    'Pools never share an address. Choose another range.',
    'conflict',
  );
}

async function outsidePrefix(db: Queryable, { first, last }: MacRange): Promise<UserError> {
  const prefixes = (await listPrefixes(db)).map(({ prefix }) => prefix);
  return new UserError(
    `The range ${first} to ${last} is not under one prefix of the ledger.`,
    prefixes.length === 0 ? 'It has no prefixes.' : `Its prefixes are ${prefixes.join(', ')}.`,
  );
}

function notFound(name: string, pools: readonly Pool[]): UserError {
  return UserError.from(
    unknownPool(
      name,
      pools.map((pool) => pool.name),
    ),
  );
}

function notAllowed(): UserError {
  return new UserError(
    'This database login may not change the pool.',
    'Use the login of the owner of the ledger, or one with the role rock_mac_admin.',
    'forbidden',
  );
}
