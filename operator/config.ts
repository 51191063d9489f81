import { hostname } from 'node:os';
import { z } from 'zod';
import { DEFAULT_WORKLOAD_POOL } from '../api/default-pools.ts';
import { port, processEnvironment } from '../api/environment.ts';
import { INJECTION_MODES } from '../api/injection-mode.ts';
import { READ_API_SERVICE } from '../api/names.ts';
import { OBSERVE_MODES } from '../api/observe-mode.ts';

/** The environment variables of the operator process. */
export const operatorEnvironment = z.object({
  ...processEnvironment,
  /** Identifies a replica in the Lease. In a pod, this is the name of the pod. */
  ROCK_MAC_IDENTITY: z
    .string()
    .min(1)
    .default(() => `${hostname()}-${String(process.pid)}`),
  /** How long other replicas wait for a leader that no longer renews its Lease, in seconds. */
  ROCK_MAC_LEADER_LEASE_SECONDS: z.coerce.number().min(3).max(300).default(15),
  /** Interval between resyncs, in seconds. A resync compares the whole cluster with the ledger. */
  ROCK_MAC_RESYNC_SECONDS: z.coerce.number().min(1).max(3_000).default(300),
  /** A readable name of this cluster, stored with its id in the ledger. */
  ROCK_MAC_CLUSTER_NAME: z.string().min(1).default('cluster'),
  /** The Service of the read API of all replicas. The serving certificate is issued for this name. */
  ROCK_MAC_READ_API_SERVICE: z.string().min(1).default(READ_API_SERVICE),
  ROCK_MAC_READ_API_SERVICE_PORT: port.default(10_250),
  ROCK_MAC_READ_API_HOST: z.string().default('::'),
  ROCK_MAC_READ_API_PORT: port.default(9444),
  /** The pool for objects whose namespace names none, as in the webhook. */
  ROCK_MAC_WORKLOAD_POOL: z.string().min(1).default(DEFAULT_WORKLOAD_POOL),
  /** Which objects get addresses, as in the webhook configurations of the installation. */
  ROCK_MAC_PODS_MODE: z.enum(INJECTION_MODES).default('opt-in'),
  ROCK_MAC_VIRTUAL_MACHINES_MODE: z.enum(INJECTION_MODES).default('opt-in'),
  /** Which addresses of other prefixes are observed. */
  ROCK_MAC_OBSERVE: z.enum(OBSERVE_MODES).default('managed'),
  /** The CNI of the pods' own interfaces, as in the webhook. Only then are the addresses of these interfaces observed. */
  ROCK_MAC_PRIMARY_CNI: z.string().default('none'),
  /** Path of a file with a JSON list of the installation's pools; see installed-pools.ts. */
  ROCK_MAC_POOLS_FILE: z.string().min(1).optional(),
  /** Path of a file with a JSON list of ConfigMaps that show reservations; see export/exports.ts. */
  ROCK_MAC_EXPORTS_FILE: z.string().min(1).optional(),
});

export type OperatorConfig = z.infer<typeof operatorEnvironment>;
