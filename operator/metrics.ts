import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ClientMetrics, ControllerMetrics, LeaderMetrics, ReflectorMetrics } from '../kube/metrics.ts';
import type { PoolStats } from '../ledger/pool-stats.ts';

/** What the operator counts. Times are seconds, as Prometheus wants them. */
export interface OperatorMetrics {
  readonly registry: Registry;
  readonly client: ClientMetrics;
  readonly reflector: ReflectorMetrics;
  readonly controller: ControllerMetrics;
  readonly leader: LeaderMetrics;
  pools(stats: readonly PoolStats[]): void;
}

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const POOL_STATES = ['active', 'pending', 'reserved', 'released', 'orphaned', 'free'] as const;

export function createOperatorMetrics(): OperatorMetrics {
  const registry = new Registry();
  const registers = [registry];
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
  return {
    registry,
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
