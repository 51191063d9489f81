import type { ConsumerRef } from '../api/mac-allocation.ts';
import { systemClock } from '../kube/clock.ts';
import { createController, type Controller } from '../kube/controller.ts';
import { formatKey, keyOf } from '../kube/objects.ts';
import { createReflector, type Reflector } from '../kube/reflector.ts';
import { retryForever } from '../kube/retry-forever.ts';
import { sleep } from '../kube/sleep.ts';
import { reconcileClaim } from './claim-controller.ts';
import type { OperatorContext } from './context.ts';
import { giveBackExpiredLeases } from './expired-leases.ts';
import { makeFirstContact } from './first-contact.ts';
import { isMirror } from './mirror.ts';
import { reconcileMirror } from './mirror-controller.ts';
import type { OperatorMetrics } from './metrics.ts';
import { carriesOurAddress, reconcilePod } from './pod-controller.ts';
import { reconcilePool, registerPools } from './pool-controller.ts';
import { publishCounts } from './publish-counts.ts';
import { macAllocations, macPools, pods, type MacAllocation } from './resources.ts';

/** Between two counts of the pools, and two looks for leases that ran out. */
const COUNT_EVERY_MS = 5_000;
const LEASES_EVERY_MS = 15_000;

/** Reconciles at a time; most of each is waiting for the API server or the ledger. */
const CONCURRENCY = 8;

export interface Term {
  readonly context: OperatorContext;
  readonly clusterName: string;
  readonly metrics: OperatorMetrics;
  /** Fires when the term ends. */
  readonly signal: AbortSignal;
}

/**
 * One term as the leader: everything is started in the order in which it is needed, works until the signal fires, and is
 * stopped in the reverse order. Resolves when nothing of it runs any more, so that the next leader finds no work in flight.
 */
export async function lead({ context, clusterName, metrics, signal }: Term): Promise<void> {
  const { logger } = context;
  const started = { logger, clock: systemClock, signal };
  try {
    await retryForever('show the pools of the ledger', () => registerPools(context), started);
    await retryForever('record the addresses in use', () => makeFirstContact(clusterName, context), started);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }

  const work = createControllers(context, metrics);
  for (const reflector of work.reflectors) reflector.start();
  await Promise.race([Promise.all(work.reflectors.map((reflector) => reflector.hasSynced())), aborted(signal)]);
  if (!signal.aborted) for (const controller of work.controllers) controller.start();
  logger.info('leading');
  await Promise.all([
    every(
      COUNT_EVERY_MS,
      'count the pools',
      async () => {
        metrics.pools(await publishCounts(work.pools.list(), context));
      },
      started,
    ),
    every(LEASES_EVERY_MS, 'give expired leases back', () => giveBackExpiredLeases(context), started),
  ]);
  await Promise.all(work.controllers.map((controller) => controller.stop()));
  await Promise.all(work.reflectors.map((reflector) => reflector.stop()));
  logger.info('leading no more');
}

interface Work {
  readonly controllers: readonly Controller[];
  readonly reflectors: readonly { start(): void; stop(): Promise<void>; hasSynced(): Promise<void> }[];
  readonly pools: Reflector<(typeof macPools)['schema']['_output']>;
}

function createControllers(context: OperatorContext, metrics: OperatorMetrics): Work {
  const { client, logger, prefix } = context;
  const common = { logger, concurrency: CONCURRENCY, metrics: metrics.controller };
  const read = { client, logger, metrics: metrics.reflector };

  const allocationCopy = createReflector({
    ...read,
    resource: macAllocations,
    indexes: { consumer: (allocation) => consumerIndex(allocation) },
    onChange: ({ type, object }) => {
      const key = keyOf(object);
      (isMirror(object) ? mirrors : claims).enqueue(key);
      // A mirror that somebody deleted by hand is made again while its pod lives.
      const pod = consumerKey(object);
      if (type === 'deleted' && pod !== undefined) carriers.enqueue(pod);
    },
  });
  const podCopy = createReflector({
    ...read,
    resource: pods,
    keep: (pod) => carriesOurAddress(pod, prefix),
    onChange: ({ object }) => {
      carriers.enqueue(keyOf(object));
    },
  });
  const poolCopy = createReflector({
    ...read,
    resource: macPools,
    onChange: ({ object }) => {
      poolKeeper.enqueue(keyOf(object));
      // What a claim waits for may have come: a pool that was missing, paused or full.
      for (const claim of allocationCopy.list()) {
        if (!isMirror(claim) && claim.status?.mac === undefined) claims.enqueue(keyOf(claim));
      }
    },
  });

  const isSeenAlive = ({ kind, name, uid }: ConsumerRef, namespace: string | undefined): boolean =>
    kind === 'Pod' && podCopy.get(formatKey({ namespace, name }))?.metadata.uid === uid;

  const claims = createController({
    ...common,
    name: 'claim',
    reconcile: async (key) => {
      const claim = allocationCopy.get(key);
      return claim === undefined || isMirror(claim) ? undefined : await reconcileClaim(claim, context);
    },
  });
  const mirrors = createController({
    ...common,
    name: 'mirror',
    reconcile: async (key) => {
      const mirror = allocationCopy.get(key);
      return mirror === undefined ? undefined : await reconcileMirror(mirror, isSeenAlive, context);
    },
  });
  const carriers = createController({
    ...common,
    name: 'pod',
    reconcile: async (key) => {
      for (const mirror of allocationCopy.by('consumer', key)) mirrors.enqueue(keyOf(mirror));
      const pod = podCopy.get(key);
      return pod === undefined ? undefined : await reconcilePod(pod, context);
    },
  });
  const poolKeeper = createController({
    ...common,
    name: 'pool',
    reconcile: async (key) => {
      const pool = poolCopy.get(key);
      return pool === undefined ? undefined : await reconcilePool(pool, context);
    },
  });
  return {
    controllers: [claims, mirrors, carriers, poolKeeper],
    reflectors: [allocationCopy, podCopy, poolCopy],
    pools: poolCopy,
  };
}

/** The key of the pod whose address a mirror shows. */
function consumerKey({ metadata: { namespace }, spec: { consumerRef } }: MacAllocation): string | undefined {
  return consumerRef?.kind === 'Pod' ? formatKey({ namespace, name: consumerRef.name }) : undefined;
}

function consumerIndex(allocation: MacAllocation): string[] {
  const key = consumerKey(allocation);
  return key === undefined ? [] : [key];
}

/** Repeats a chore until the term ends. A round that fails is logged, and the next one comes all the same. */
async function every(
  ms: number,
  what: string,
  chore: () => Promise<unknown>,
  { logger, signal }: { readonly logger: OperatorContext['logger']; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await chore();
    } catch (error) {
      logger.warn({ err: error, what }, 'a chore failed, trying again');
    }
    await sleep(ms, systemClock, signal);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}
