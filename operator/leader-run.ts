import type { TicketOutcome } from '../ledger/state/identity.ts';
import { systemClock } from '../time/clock.ts';
import { retryForever } from '../time/retry-forever.ts';
import { sleep } from '../time/sleep.ts';
import { countNotApplied } from './allocation/count-not-applied.ts';
import { createHeldForGuests } from './allocation/held-for-guests.ts';
import { enqueueExpiredClaims } from './claim/expire.ts';
import { createExpiryGuard, type ExpiryGuard } from './claim/expiry-guard.ts';
import { createVanishedPods } from './claim/vanished-pods.ts';
import { createContestedAddresses } from './collision/contested.ts';
import { createReportedCollisions } from './collision/reported-collisions.ts';
import type { OperatorDeps } from './controller/dependencies.ts';
import { createSources, type Sources } from './controller/operator-sources.ts';
import { createControllers } from './controllers.ts';
import type { ReservationsExport } from './export/exports.ts';
import { createExporter } from './export/publish.ts';
import { createIdentityKeeper, type IdentityKeeper } from './ledger-state/confirm-identity.ts';
import { keepLedgerOpen, recoverAndRead } from './ledger-state/keep-ledger-open.ts';
import type { LedgerHeadStore } from './ledger-state/ledger-head-store.ts';
import { publishLedgerState } from './ledger-state/publish.ts';
import { isConfirmed, isTicketRefused, publishIdentity } from './ledger-state/publish-identity.ts';
import { sealAndAnchor } from './ledger-state/seal-audit.ts';
import { createAppeared } from './link/appeared.ts';
import { createElsewhere } from './link/elsewhere.ts';
import { createOnLink } from './link/on-link.ts';
import { createElsewhereWatch } from './link/watch-elsewhere.ts';
import { createScope } from './live/scope.ts';
import { forgetLeading } from './metrics/forget-leading.ts';
import { createObservationBudget } from './observation/observation-budget.ts';
import { applyInstalledPools, type InstalledPool } from './pool/installed-pools.ts';
import { publishCounts } from './pool/publish-counts.ts';
import { registerPools } from './pool/register-pools.ts';
import { runInitialSync } from './resync/initial-sync.ts';
import { releaseLeasesOfAbsentObjects } from './resync/release-expired-leases.ts';
import { countGated } from './scheduling-gate/count-gated.ts';
import { createUnusedCursor } from './sticky/unused-cursor.ts';
import { createGoneHolders } from './stock/gone-holders.ts';

/** How often the ledger's counts are published. Each count reads every row of the ledger. */
const COUNT_EVERY_MS = 5_000;

/** How often the pods that wait for the ledger are counted. Each count looks at every cached workload. */
const GATED_EVERY_MS = 15_000;

/** How often the addresses that are not applied are counted. Each count looks at every cached MacAllocation. */
const NOT_APPLIED_EVERY_MS = 15_000;

/** How often expired leases are released, if there are any. Each round lists all workloads. */
const LEASES_EVERY_MS = 15_000;

/** How often expired claims are enqueued: about how late a claim expires. */
const EXPIRY_EVERY_MS = 5_000;

/** How often the leader checks whether the ledger is open. A failover delays admissions by about this long. */
const LEDGER_EVERY_MS = 2_000;

/** How often the identity of the cluster is confirmed: about how late another control plane with it is noticed. */
const IDENTITY_EVERY_MS = 30_000;

/** How often a refused identity is shown again. */
const REFUSED_EVERY_MS = 5_000;

/** How often the audit is sealed: what was changed before its seal is not noticed. */
const SEAL_EVERY_MS = 10_000;

/** How often the ledger is asked who else uses the addresses of running objects: about how late a collision with another cluster is noticed. */
const ELSEWHERE_EVERY_MS = 5_000;

/** How often the ledger is compared with the ConfigMaps for other servers: about how late they show a change. */
const EXPORT_EVERY_MS = 1_000;

/** How many addresses of migrated guests are looked at in each resync. */
const HELD_FOR_GUESTS = 10_000;

export interface LeaderRunOptions {
  readonly deps: OperatorDeps;
  /** Stores outside the ledger how far the ledger had come. */
  readonly ledgerHeads: LedgerHeadStore;
  readonly clusterName: string;
  readonly installedPools: readonly InstalledPool[];
  readonly exports: readonly ReservationsExport[];
  /** Fires when this replica no longer leads. */
  readonly signal: AbortSignal;
}

/**
 * Works as the leader until the signal fires. Stops the work, and waits, while another control plane goes on with the identity
 * of this cluster. Resolves when all work has ended, so the next leader finds none in progress.
 */
export async function runLeader(options: LeaderRunOptions): Promise<void> {
  const identity = createIdentityKeeper({ ...options.deps, ledgerHeads: options.ledgerHeads });
  while (!options.signal.aborted) {
    const refused = new AbortController();
    const signal = AbortSignal.any([options.signal, refused.signal]);
    await work({ ...options, identity, signal }, () => {
      refused.abort();
    });
    forgetLeading(options.deps.metrics);
  }
}

type WorkOptions = LeaderRunOptions & { readonly identity: IdentityKeeper };

/**
 * Works until the signal fires. Starts everything in the order of its dependencies and stops it in the reverse order. Calls
 * `onRefused` when the ledger no longer accepts the identity of the cluster.
 */
async function work(options: WorkOptions, onRefused: () => void): Promise<void> {
  const { deps, ledgerHeads, exports, identity, signal } = options;
  const { logger } = deps;
  try {
    await prepareLedger(options);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }

  const sources = createSources(deps);
  const { allocations, pools, nodes, namespaces, networks, workloads } = sources;
  const caches = [
    allocations,
    pools,
    nodes,
    namespaces,
    networks,
    ...[...workloads.values()].map(({ cache }) => cache),
  ];
  const scope = createScope(deps, (name) => namespaces.get(name));
  const expiryGuard = createExpiryGuard({ ...deps, pools });
  const onLink = createOnLink({ ...sources, scope });
  const elsewhere = createElsewhere(deps);
  const controllers = createControllers({
    ...deps,
    ...sources,
    expiryGuard,
    scope,
    onLink,
    elsewhere,
    contested: createContestedAddresses(),
    reported: createReportedCollisions(),
    heldForGuests: createHeldForGuests(HELD_FOR_GUESTS),
    vanishedPods: createVanishedPods({ ...deps, clock: systemClock }),
    observationBudget: createObservationBudget(() => performance.now()),
    goneHolders: createGoneHolders(() => performance.now()),
    unusedCursor: createUnusedCursor(),
  });
  for (const cache of caches) cache.start();
  await Promise.race([Promise.all(caches.map((cache) => cache.hasSynced())), aborted(signal)]);
  if (!signal.aborted) for (const controller of controllers) controller.start();
  logger.info('leading');
  deps.metrics.auditSealed(deps.now());
  const appeared = createAppeared([...workloads.values()].map(({ cache }) => cache));
  const watchElsewhere = createElsewhereWatch({ ...deps, onLink, elsewhere, appeared });
  const tasks = periodicTasks({
    ...deps,
    ...sources,
    expiryGuard,
    watchElsewhere,
    ledgerHeads,
    exports,
    identity,
    onRefused,
    signal,
  });
  await Promise.all(tasks.map((task) => runPeriodically(task, { logger, signal })));
  await Promise.all(controllers.map((controller) => controller.stop()));
  await Promise.all(caches.map((cache) => cache.stop()));
  logger.info('no longer leading');
}

/** Runs the steps that come before the controllers, in this order, each until it succeeds. */
async function prepareLedger(options: WorkOptions): Promise<void> {
  const { deps, ledgerHeads, clusterName, installedPools, identity, signal } = options;
  const retry = { logger: deps.logger, clock: systemClock, signal };
  const ledgerDeps = { ...deps, ledgerHeads };
  await retryForever('read the prefixes of the ledger', deps.readPrefixes, retry);
  // A ledger that has lost rows may have lost the last ticket.
  await retryForever('compare the ledger with its stored head', () => recoverAndRead(ledgerDeps), retry);
  // Before anything is allocated or released in the name of this cluster.
  while (
    !isConfirmed(await retryForever('confirm the identity', () => confirmIdentity({ ...deps, identity }), retry))
  ) {
    await sleep(REFUSED_EVERY_MS, systemClock, signal);
  }
  await retryForever('create MacPools for the pools of the ledger', () => registerPools(deps), retry);
  await retryForever('apply the pools of the installation', () => applyInstalledPools(installedPools, deps), retry);
  // Before any allocation: a ledger that has lost rows would allocate the same addresses again.
  await retryForever('report the addresses in use', () => keepLedgerOpen(ledgerDeps), retry);
  await retryForever('record the addresses in use', () => runInitialSync(clusterName, deps), retry);
}

async function confirmIdentity({
  identity,
  ...deps
}: OperatorDeps & Pick<WorkOptions, 'identity'>): Promise<TicketOutcome | undefined> {
  const outcome = await identity.confirm();
  if (outcome !== undefined) await publishIdentity(outcome, deps);
  if (isTicketRefused(outcome)) {
    const { clusterId } = deps;
    deps.logger.warn({ clusterId, outcome }, 'the ledger does not accept the identity of this cluster');
  }
  return outcome;
}

interface PeriodicTask {
  /** Completes "failed to …" in the log. */
  readonly name: string;
  readonly everyMs: number;
  readonly run: () => Promise<unknown>;
}

function periodicTasks(
  deps: OperatorDeps &
    Sources &
    Pick<WorkOptions, 'ledgerHeads' | 'exports' | 'identity' | 'signal'> & {
      readonly expiryGuard: ExpiryGuard;
      readonly watchElsewhere: () => Promise<void>;
      readonly onRefused: () => void;
    },
): readonly PeriodicTask[] {
  return [
    {
      name: 'count the pools',
      everyMs: COUNT_EVERY_MS,
      run: async () => {
        deps.metrics.pools(await publishCounts(deps.pools.list(), deps));
      },
    },
    {
      name: 'count the pods that wait',
      everyMs: GATED_EVERY_MS,
      run: () => {
        const { count, oldestSeconds } = countGated(deps, deps.now());
        deps.metrics.gatedPods(count, oldestSeconds);
        return Promise.resolve();
      },
    },
    {
      name: 'count the addresses that are not applied',
      everyMs: NOT_APPLIED_EVERY_MS,
      run: () => {
        deps.metrics.notApplied(countNotApplied(deps));
        return Promise.resolve();
      },
    },
    {
      name: 'keep the ledger open',
      everyMs: LEDGER_EVERY_MS,
      run: () => publishLedgerState(deps.pools.list(), deps),
    },
    { name: 'enqueue expired claims', everyMs: EXPIRY_EVERY_MS, run: () => enqueueExpiredClaims(deps) },
    { name: 'release expired leases', everyMs: LEASES_EVERY_MS, run: () => releaseLeasesOfAbsentObjects(deps) },
    {
      name: 'confirm the identity of the cluster',
      everyMs: IDENTITY_EVERY_MS,
      run: async () => {
        if (isTicketRefused(await confirmIdentity(deps))) deps.onRefused();
      },
    },
    { name: 'look for users of addresses elsewhere', everyMs: ELSEWHERE_EVERY_MS, run: deps.watchElsewhere },
    { name: 'seal the audit', everyMs: SEAL_EVERY_MS, run: () => sealAndAnchor(deps) },
    ...deps.exports.map((each) => ({
      name: `publish the reservations in ${each.configMap}`,
      everyMs: EXPORT_EVERY_MS,
      run: createExporter(each, deps, () => systemClock.now()),
    })),
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
