import { systemClock } from '../kube/time/clock.ts';
import { retryForever } from '../kube/time/retry-forever.ts';
import { sleep } from '../kube/time/sleep.ts';
import type { MacPrefix } from '../mac/mac-range.ts';
import { enqueueExpiredClaims } from './claim/expire.ts';
import { createControllers } from './controllers.ts';
import type { OperatorDeps } from './dependencies.ts';
import { keepLedgerOpen } from './ledger-state/keep-ledger-open.ts';
import { publishLedgerState } from './ledger-state/publish.ts';
import { requirePrefix } from './ledger-state/require-prefix.ts';
import { applyInstalledPools, type InstalledPool } from './pool/installed-pools.ts';
import { publishCounts } from './pool/publish-counts.ts';
import { registerPools } from './pool/register-pools.ts';
import { runInitialSync } from './resync/initial-sync.ts';
import { releaseLeasesOfAbsentObjects } from './resync/release-expired-leases.ts';
import { createSources, type Sources } from './wiring/operator-sources.ts';

/** How often the ledger's counts are published. Each count reads every row of the ledger. */
const COUNT_EVERY_MS = 5_000;

/** How often expired leases are released, if there are any. Each round lists all workloads. */
const LEASES_EVERY_MS = 15_000;

/** How often expired claims are enqueued: about how late a claim expires. */
const EXPIRY_EVERY_MS = 5_000;

/** How often the leader checks whether the ledger is open. A failover delays admissions by about this long. */
const LEDGER_EVERY_MS = 2_000;

export interface LeaderRunOptions {
  readonly deps: OperatorDeps;
  readonly clusterName: string;
  readonly installedPools: readonly InstalledPool[];
  /** The prefix of this installation, which must be that of the ledger. */
  readonly prefix: MacPrefix;
  /** Fires when this replica no longer leads. */
  readonly signal: AbortSignal;
}

/**
 * Works as the leader until the signal fires. Starts everything in the order of its dependencies and stops it in the
 * reverse order. Resolves when all of it has ended, so the next leader finds no work in progress.
 */
export async function runLeader(options: LeaderRunOptions): Promise<void> {
  const { deps, signal } = options;
  const { logger } = deps;
  try {
    await prepareLedger(options);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }

  const sources = createSources(deps);
  const { allocations, pools, workloads } = sources;
  const caches = [allocations, pools, ...[...workloads.values()].map(({ cache }) => cache)];
  const controllers = createControllers({ ...deps, ...sources });
  for (const cache of caches) cache.start();
  await Promise.race([Promise.all(caches.map((cache) => cache.hasSynced())), aborted(signal)]);
  if (!signal.aborted) for (const controller of controllers) controller.start();
  logger.info('leading');
  await Promise.all(periodicTasks({ ...deps, ...sources }).map((task) => runPeriodically(task, { logger, signal })));
  await Promise.all(controllers.map((controller) => controller.stop()));
  await Promise.all(caches.map((cache) => cache.stop()));
  logger.info('no longer leading');
}

/** Runs the steps that come before the controllers, in this order, each until it succeeds. */
async function prepareLedger({ deps, clusterName, installedPools, prefix, signal }: LeaderRunOptions): Promise<void> {
  const retry = { logger: deps.logger, clock: systemClock, signal };
  await retryForever('compare the prefix', () => requirePrefix(deps.ledger, prefix), retry);
  await retryForever('create MacPools for the pools of the ledger', () => registerPools(deps), retry);
  await retryForever('apply the pools of the installation', () => applyInstalledPools(installedPools, deps), retry);
  // Before any allocation: a ledger that has lost rows would allocate the same addresses again.
  await retryForever('compare the ledger with its stored head', () => keepLedgerOpen(deps), retry);
  await retryForever('record the addresses in use', () => runInitialSync(clusterName, deps), retry);
}

interface PeriodicTask {
  /** Completes "failed to …" in the log. */
  readonly name: string;
  readonly everyMs: number;
  readonly run: () => Promise<unknown>;
}

function periodicTasks(deps: OperatorDeps & Sources): readonly PeriodicTask[] {
  return [
    {
      name: 'count the pools',
      everyMs: COUNT_EVERY_MS,
      run: async () => {
        deps.metrics.pools(await publishCounts(deps.pools.list(), deps));
      },
    },
    {
      name: 'keep the ledger open',
      everyMs: LEDGER_EVERY_MS,
      run: () => publishLedgerState(deps.pools.list(), deps),
    },
    { name: 'enqueue expired claims', everyMs: EXPIRY_EVERY_MS, run: () => enqueueExpiredClaims(deps) },
    { name: 'release expired leases', everyMs: LEASES_EVERY_MS, run: () => releaseLeasesOfAbsentObjects(deps) },
  ];
}

/** Repeats a task until the signal fires. A failure is logged, and the next round runs at its time. */
async function runPeriodically(
  { name, everyMs, run }: PeriodicTask,
  { logger, signal }: Pick<OperatorDeps, 'logger'> & Pick<LeaderRunOptions, 'signal'>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await run();
    } catch (error) {
      logger.warn({ err: error, what: name }, 'a periodic task failed, trying again');
    }
    await sleep(everyMs, systemClock, signal);
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
