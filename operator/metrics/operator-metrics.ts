import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';
import type {
  ClientMetrics,
  ControllerMetrics,
  EventMetrics,
  LeaderMetrics,
  ReflectorMetrics,
} from '../../kube/metrics.ts';
import { measureMemory } from '../../process/memory-metric.ts';
import type { PoolStats } from '../../ledger/pool/pool-stats.ts';

/** What the operator counts. Times are seconds, as Prometheus wants them. */
export interface OperatorMetrics {
  readonly registry: Registry;
  readonly client: ClientMetrics;
  readonly reflector: ReflectorMetrics;
  readonly controller: ControllerMetrics;
  readonly leader: LeaderMetrics;
  readonly events: EventMetrics;
  allocated(pool: string): void;
  /** A claim was refused; the reason is the one of its Ready condition. */
  refused(reason: string): void;
  released(why: string): void;
  /** A resync that counts has ended. */
  passed(resync: { readonly conflicts: number; readonly durationMs: number }): void;
  autoReleaseHeld(pool: string, addresses: number): void;
  ledgerOpen(open: boolean): void;
  /** One statement, or one transaction, has ended: `ok`, or the code of its error. */
  ledgerAsked(statement: { readonly outcome: string; readonly durationMs: number }): void;
  pools(stats: readonly PoolStats[]): void;
}

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const POOL_STATES = ['active', 'pending', 'reserved', 'released', 'orphaned', 'free'] as const;

export function createOperatorMetrics(): OperatorMetrics {
  const registry = new Registry();
  const registers = [registry];
  measureMemory(registry);
  const requests = new Counter({
    name: 'rockmac_kube_requests_total',
    help: 'Attempts at requests to the API server, by method, resource and status.',
    labelNames: ['method', 'resource', 'status'],
    registers,
  });
  const restarts = new Counter({
    name: 'rockmac_reflector_restarts_total',
    help: 'Lists and watches that failed and were begun again, by resource and reason.',
    labelNames: ['resource', 'reason'],
    registers,
  });
  const stored = new Gauge({
    name: 'rockmac_reflector_objects',
    help: 'Objects in the local copy, by resource.',
    labelNames: ['resource'],
    registers,
  });
  const reconciles = new Histogram({
    name: 'rockmac_reconcile_duration_seconds',
    help: 'Duration of reconciles, by controller and outcome.',
    labelNames: ['controller', 'outcome'],
    buckets: BUCKETS,
    registers,
  });
  const depth = new Gauge({
    name: 'rockmac_queue_depth',
    help: 'Keys that are due and wait for a worker, by controller.',
    labelNames: ['controller'],
    registers,
  });
  const leading = new Gauge({
    name: 'rockmac_leading',
    help: 'Whether this replica leads: 1 or 0.',
    registers,
  });
  const addresses = new Gauge({
    name: 'rockmac_pool_addresses',
    help: 'Addresses of each pool, by state; free ones are counted too.',
    labelNames: ['pool', 'state'],
    registers,
  });
  const allocations = new Counter({
    name: 'rockmac_claims_allocated_total',
    help: 'Claims that got their address, by pool.',
    labelNames: ['pool'],
    registers,
  });
  const refusals = new Counter({
    name: 'rockmac_claims_refused_total',
    help: 'Claims whose Ready condition became False, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const releases = new Counter({
    name: 'rockmac_releases_total',
    help: 'Addresses that the operator released, by cause.',
    labelNames: ['cause'],
    registers,
  });
  const droppedEvents = new Counter({
    name: 'rockmac_events_dropped_total',
    help: 'Events that could not be delivered, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const conflicts = new Gauge({
    name: 'rockmac_conflicts',
    help: 'Addresses that an object carries which is not their owner, as the last resync found them.',
    registers,
  });
  const resyncs = new Histogram({
    name: 'rockmac_resync_duration_seconds',
    help: 'Duration of the resyncs that compared the whole cluster with the ledger.',
    buckets: BUCKETS,
    registers,
  });
  const lastResync = new Gauge({
    name: 'rockmac_last_resync_timestamp_seconds',
    help: 'When the last resync ended that counts.',
    registers,
  });
  const autoReleaseHeld = new Gauge({
    name: 'rockmac_auto_release_held',
    help: 'Addresses without a live owner whose release waits for a person, by pool.',
    labelNames: ['pool'],
    registers,
  });
  const ledgerOpen = new Gauge({
    name: 'rockmac_ledger_open',
    help: 'Whether the ledger hands out addresses: 1 or 0. 0 also while it cannot be asked.',
    registers,
  });
  const statements = new Histogram({
    name: 'rockmac_ledger_statement_duration_seconds',
    help: 'Duration of statements on the ledger, by outcome: ok, or the code of the error.',
    labelNames: ['outcome'],
    buckets: BUCKETS,
    registers,
  });
  return {
    registry,
    ledgerAsked: ({ outcome, durationMs }) => {
      statements.observe({ outcome }, durationMs / 1_000);
    },
    passed: ({ conflicts: found, durationMs }) => {
      conflicts.set(found);
      resyncs.observe(durationMs / 1_000);
      lastResync.setToCurrentTime();
    },
    autoReleaseHeld: (pool, held) => {
      autoReleaseHeld.set({ pool }, held);
    },
    ledgerOpen: (open) => {
      ledgerOpen.set(open ? 1 : 0);
    },
    allocated: (pool) => {
      allocations.inc({ pool });
    },
    refused: (reason) => {
      refusals.inc({ reason });
    },
    released: (cause) => {
      releases.inc({ cause });
    },
    events: {
      dropped: ({ reason }) => {
        droppedEvents.inc({ reason });
      },
    },
    client: {
      request: ({ method, resource, status }) => {
        requests.inc({ method, resource, status });
      },
    },
    reflector: {
      restarted: ({ resource, reason }) => {
        restarts.inc({ resource, reason });
      },
      stored: ({ resource, objects }) => {
        stored.set({ resource }, objects);
      },
    },
    controller: {
      reconciled: ({ name, outcome, durationMs }) => {
        reconciles.observe({ controller: name, outcome }, durationMs / 1_000);
      },
      depth: ({ name, depth: keys }) => {
        depth.set({ controller: name }, keys);
      },
    },
    leader: {
      leading: (election) => {
        leading.set(election.leading ? 1 : 0);
      },
    },
    pools: (stats) => {
      for (const pool of stats) {
        for (const state of POOL_STATES) addresses.set({ pool: pool.pool, state }, pool[state]);
      }
    },
  };
}
