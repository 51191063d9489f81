import { systemClock } from '../kube/time/clock.ts';
import { retryForever } from '../kube/time/retry-forever.ts';
import { sleep } from '../kube/time/sleep.ts';
import type { MacPrefix } from '../mac/mac-range.ts';
import type { OperatorDeps } from './dependencies.ts';
import { createControllers } from './controllers.ts';
import { wakeExpiredClaims } from './claim/enqueue-expired.ts';
import { releaseLeasesOfAbsentObjects } from './resync/release-expired-leases.ts';
import { runInitialSync } from './resync/initial-sync.ts';
import { applyInstalledPools, type InstalledPool } from './pool/installed-pools.ts';
import { keepLedgerOpen } from './ledger-state/keep-ledger-open.ts';
import { registerPools } from './pool/reconcile.ts';
import { publishCounts } from './pool/publish-counts.ts';
import { publishLedger } from './ledger-state/publish.ts';
import { requirePrefix } from './ledger-state/require-prefix.ts';

/** Between two counts of the pools, and two looks for leases and for claims whose time is over. */
const COUNT_EVERY_MS = 5_000;
const LEASES_EVERY_MS = 15_000;
const EXPIRY_EVERY_MS = 5_000;

/** Between two looks whether the ledger is open; a failover keeps everybody waiting for about so long. */
const LEDGER_EVERY_MS = 2_000;

export interface LeaderRun {
  readonly context: OperatorDeps;
  readonly clusterName: string;
  readonly installedPools: readonly InstalledPool[];
  /** What this installation takes for the prefix of the ledger. */
  readonly prefix: MacPrefix;
  /** Fires when the term ends. */
  readonly signal: AbortSignal;
}

/**
 * One term as the leader: everything is started in the order in which it is needed, works until the signal fires, and is
 * stopped in the reverse order. Resolves when nothing of it runs any more, so that the next leader finds no work in flight.
 */
export async function runLeader({ context, clusterName, installedPools, prefix, signal }: LeaderRun): Promise<void> {
  const { logger, metrics } = context;
  const started = { logger, clock: systemClock, signal };
  try {
    await retryForever('compare the prefix', () => requirePrefix(context.ledger, prefix), started);
    await retryForever('show the pools of the ledger', () => registerPools(context), started);
    await retryForever(
      'make the pools of the installation',
      () => applyInstalledPools(installedPools, context),
      started,
    );
    // Before anything is handed out: a ledger that has gone back would hand the same out again.
    await retryForever('compare the ledger with what is remembered', () => keepLedgerOpen(context), started);
    await retryForever('record the addresses in use', () => runInitialSync(clusterName, context), started);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }

  const work = createControllers(context);
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
    every(LEDGER_EVERY_MS, 'keep the ledger open', () => publishLedger(work.pools.list(), context), started),
    every(EXPIRY_EVERY_MS, 'look for expired claims', () => wakeExpiredClaims(work.wakeClaim, context), started),
    every(LEASES_EVERY_MS, 'give expired leases back', () => releaseLeasesOfAbsentObjects(context), started),
  ]);
  await Promise.all(work.controllers.map((controller) => controller.stop()));
  await Promise.all(work.reflectors.map((reflector) => reflector.stop()));
  logger.info('leading no more');
}

/** Repeats a chore until the term ends. A round that fails is logged, and the next one comes all the same. */
async function every(
  ms: number,
  what: string,
  chore: () => Promise<unknown>,
  { logger, signal }: { readonly logger: OperatorDeps['logger']; readonly signal: AbortSignal },
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
