import { describe, expect, test } from 'vitest';
import { LuaFactory, LuaLibraries } from 'wasmoon';
import { z } from 'zod';
import { macAllocationStatus, READY_REASONS, type ReadyReason } from '../api/mac-allocation.ts';
import { macPoolStatus } from '../api/mac-pool.ts';
import { healthCheck } from './argo-cd.ts';

/*
 * The health checks as Argo CD runs them. It has Lua 5.1 (https://github.com/yuin/gopher-lua), and this is Lua 5.4: the scripts use
 * nothing in which they differ.
 */

const HEALTH = ['Healthy', 'Progressing', 'Degraded', 'Suspended'] as const;
type Health = (typeof HEALTH)[number];
const result = z.strictObject({ status: z.enum(HEALTH), message: z.string() });

const lua = new LuaFactory();

async function healthOf(kind: 'MacAllocation' | 'MacPool', object: unknown) {
  const engine = await lua.createEngine({ openStandardLibs: false, enableProxy: false });
  try {
    engine.global.loadLibrary(LuaLibraries.Base);
    engine.global.set('obj', object);
    return result.parse(await engine.doString(healthCheck(kind)));
  } finally {
    engine.global.close();
  }
}

interface State {
  readonly type: string;
  readonly status?: string;
  readonly reason?: string;
}

function conditionsOf(states: readonly State[]) {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  return states.map(({ type, status = 'True', reason = 'Any' }) => {
    return { type, status, reason, message: `the message of ${type}`, lastTransitionTime };
  });
}

const CLAIM = { metadata: { name: 'a', generation: 2 }, spec: { pool: 'kubernetes' } };
const POOL = { metadata: { name: 'lab', generation: 1 }, spec: { first: 'a4580f100000', last: 'a4580f1000ff' } };

/** Returns a claim as the operator writes it. */
function claim(...states: readonly State[]) {
  return { ...CLAIM, status: macAllocationStatus.parse({ observedGeneration: 2, conditions: conditionsOf(states) }) };
}

function pool(...states: readonly State[]) {
  return { ...POOL, status: macPoolStatus.parse({ observedGeneration: 1, conditions: conditionsOf(states) }) };
}

const READY = { type: 'Ready', reason: 'Allocated' };
const DEFINED = { type: 'Ready', reason: 'Defined' };
const OPEN = { type: 'LedgerOpen', reason: 'Open' };

const HEALTH_OF_REASON: Readonly<Record<Exclude<ReadyReason, 'Allocated'>, Health>> = {
  Pending: 'Progressing',
  PoolNotFound: 'Degraded',
  PoolPaused: 'Suspended',
  PoolExhausted: 'Degraded',
  QuotaExceeded: 'Degraded',
  RequestedMacInUse: 'Degraded',
  RequestedMacOutOfRange: 'Degraded',
  InvalidSpec: 'Degraded',
  LedgerUnavailable: 'Progressing',
  LedgerRecovering: 'Progressing',
  Expired: 'Degraded',
  Releasing: 'Progressing',
  ReleaseBlocked: 'Degraded',
};

describe('the health of a MacAllocation', () => {
  test.each(Object.entries(HEALTH_OF_REASON))('that is not ready because of %s is %s', async (reason, status) => {
    expect(READY_REASONS).toContain(reason);
    const object = claim({ type: 'Ready', status: 'False', reason });
    expect(await healthOf('MacAllocation', object)).toEqual({ status, message: 'the message of Ready' });
  });

  test.each<[string, unknown, Health]>([
    ['that nobody has seen', CLAIM, 'Progressing'],
    ['that holds its address', claim(READY), 'Healthy'],
    ['that is in use', claim(READY, { type: 'Bound', reason: 'InUse' }), 'Healthy'],
    ['whose address another object uses', claim(READY, { type: 'Conflict' }), 'Degraded'],
    ['whose address nobody else uses any more', claim(READY, { type: 'Conflict', status: 'False' }), 'Healthy'],
    ['whose interface has another address', claim(READY, { type: 'Applied', status: 'False' }), 'Degraded'],
    ['that waits for a vanished pod', claim(READY, { type: 'Bound', status: 'Unknown' }), 'Progressing'],
    ['whose renewal was not seen', { ...claim(READY), metadata: { generation: 3 } }, 'Progressing'],
    ['that is being deleted', { ...claim(READY), metadata: { deletionTimestamp: 'now' } }, 'Progressing'],
    ['that shows a pod', { spec: { consumerRef: { kind: 'Pod' } } }, 'Healthy'],
    [
      'that shows a pod with another address',
      { ...claim({ type: 'Applied', status: 'False' }), spec: { consumerRef: {} } },
      'Degraded',
    ],
    ['that shows a sticky address', { spec: { stickyFor: { name: 'web-0' } } }, 'Healthy'],
    [
      'whose last pod may still run',
      { ...claim({ type: 'ConsumerUnreachable' }), spec: { stickyFor: {} } },
      'Progressing',
    ],
  ])('%s is %3$s', async (_, object, status) => {
    expect(await healthOf('MacAllocation', object)).toMatchObject({ status });
  });
});

describe('the health of a MacPool', () => {
  test.each<[string, unknown, Health]>([
    ['that nobody has seen', POOL, 'Progressing'],
    ['that the ledger has', pool(DEFINED, OPEN), 'Healthy'],
    ['that is paused', pool({ type: 'Ready', status: 'False', reason: 'Paused' }, OPEN), 'Suspended'],
    ['that overlaps', pool({ type: 'Ready', status: 'False', reason: 'RangeOverlaps' }, OPEN), 'Degraded'],
    ['whose deletion waits', pool({ type: 'Ready', status: 'False', reason: 'DeletionBlocked' }), 'Degraded'],
    ['that is being deleted', { ...pool(DEFINED), metadata: { deletionTimestamp: 'now' } }, 'Progressing'],
    ['that has changed', { ...pool(DEFINED, OPEN), metadata: { generation: 2 } }, 'Progressing'],
    [
      'of a ledger that is away',
      pool(DEFINED, { type: 'LedgerOpen', status: 'Unknown', reason: 'LedgerUnavailable' }),
      'Degraded',
    ],
    [
      'of a ledger that recovers',
      pool(DEFINED, { type: 'LedgerOpen', status: 'False', reason: 'Recovering' }),
      'Progressing',
    ],
    ['of a paused ledger', pool(DEFINED, { type: 'LedgerOpen', status: 'False', reason: 'Paused' }), 'Suspended'],
    ['of a standby', pool(DEFINED, { type: 'LedgerOpen', status: 'False', reason: 'ReadOnly' }), 'Degraded'],
    ['while nothing expires', pool(DEFINED, OPEN, { type: 'ExpiryHeld', reason: 'ClockJumped' }), 'Degraded'],
    ['of a copied cluster', pool(DEFINED, OPEN, { type: 'ClusterIdentityShared', reason: 'Newcomer' }), 'Degraded'],
    [
      'whose identity is checked',
      pool(DEFINED, OPEN, { type: 'ClusterIdentityShared', status: 'Unknown' }),
      'Progressing',
    ],
    [
      'whose release waits for a person',
      pool(DEFINED, OPEN, { type: 'AutoReleaseHeld', reason: 'TooMany' }),
      'Suspended',
    ],
  ])('%s is %3$s', async (_, object, status) => {
    expect(await healthOf('MacPool', object)).toMatchObject({ status });
  });
});

test.each([
  ['nothing at all', {}],
  ['a status that is a text', { metadata: 'x', spec: 'x', status: 'x' }],
  ['conditions that are a text', { status: { conditions: 'x' } }],
  ['conditions that are none', { status: { conditions: [1, 'x', {}, { type: 7 }, []] } }],
  ['a condition without a message', { status: { conditions: [{ type: 'Ready', status: 'False' }] } }],
  ['a message that is no text', { status: { conditions: [{ type: 'Ready', status: 'False', message: {} }] } }],
  ['generations that are no numbers', { metadata: { generation: 'x' }, status: { observedGeneration: {} } }],
])('an object with %s has a health too', async (_, object) => {
  for (const kind of ['MacAllocation', 'MacPool'] as const) {
    expect(['Progressing', 'Degraded']).toContain((await healthOf(kind, object)).status);
  }
});
