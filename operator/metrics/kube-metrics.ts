import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import type {
  ClientMetrics,
  ControllerMetrics,
  EventMetrics,
  LeaderMetrics,
  ReflectorMetrics,
} from '../../kube/metrics.ts';

/** Upper bounds in seconds, from a fast statement to the longest time-out of a request. */
export const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Metrics of the API client, the caches, the controllers, the election and the Events. */
export interface KubeMetrics {
  readonly client: ClientMetrics;
  readonly reflector: ReflectorMetrics;
  readonly controller: ControllerMetrics;
  readonly leader: LeaderMetrics;
  readonly events: EventMetrics;
}

export function registerKubeMetrics(registry: Registry): KubeMetrics {
  return {
    client: clientMetrics(registry),
    reflector: reflectorMetrics(registry),
    controller: controllerMetrics(registry),
    leader: leaderMetrics(registry),
    events: eventMetrics(registry),
  };
}

function clientMetrics(registry: Registry): ClientMetrics {
  const requests = new Counter({
    name: 'rockmac_kube_requests_total',
    help: 'Request attempts to the API server, by method, resource and status.',
    labelNames: ['method', 'resource', 'status'],
    registers: [registry],
  });
  const reconnects = new Counter({
    name: 'rockmac_kube_reconnects_total',
    help: 'Replacements of all connections to the API server, by reason: credentials or timeout.',
    labelNames: ['reason'],
    registers: [registry],
  });
  return {
    request: ({ method, resource, status }) => {
      requests.inc({ method, resource, status });
    },
    reconnect: (reason) => {
      reconnects.inc({ reason });
    },
  };
}

function reflectorMetrics(registry: Registry): ReflectorMetrics {
  const restarts = new Counter({
    name: 'rockmac_reflector_restarts_total',
    help: 'Lists and watches that failed and were restarted, by resource and reason.',
    labelNames: ['resource', 'reason'],
    registers: [registry],
  });
  const stored = new Gauge({
    name: 'rockmac_reflector_objects',
    help: 'Objects in the local cache, by resource.',
    labelNames: ['resource'],
    registers: [registry],
  });
  return {
    restarted: ({ resource, reason }) => {
      restarts.inc({ resource, reason });
    },
    stored: ({ resource, objects }) => {
      stored.set({ resource }, objects);
    },
  };
}

function controllerMetrics(registry: Registry): ControllerMetrics {
  const reconciles = new Histogram({
    name: 'rockmac_reconcile_duration_seconds',
    help: 'Duration of reconciles, by controller and outcome.',
    labelNames: ['controller', 'outcome'],
    buckets: DURATION_BUCKETS,
    registers: [registry],
  });
  const depth = new Gauge({
    name: 'rockmac_queue_depth',
    help: 'Due keys that wait for a worker, by controller.',
    labelNames: ['controller'],
    registers: [registry],
  });
  return {
    reconciled: ({ name, outcome, durationMs }) => {
      reconciles.observe({ controller: name, outcome }, durationMs / 1_000);
    },
    depth: ({ name, depth: keys }) => {
      depth.set({ controller: name }, keys);
    },
  };
}

function leaderMetrics(registry: Registry): LeaderMetrics {
  const leading = new Gauge({
    name: 'rockmac_leading',
    help: 'Whether this replica leads: 1 or 0.',
    registers: [registry],
  });
  return {
    leading: (election) => {
      leading.set(election.leading ? 1 : 0);
    },
  };
}

function eventMetrics(registry: Registry): EventMetrics {
  const dropped = new Counter({
    name: 'rockmac_events_dropped_total',
    help: 'Events that could not be delivered, by reason.',
    labelNames: ['reason'],
    registers: [registry],
  });
  return {
    dropped: ({ reason }) => {
      dropped.inc({ reason });
    },
  };
}
