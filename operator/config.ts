import { hostname } from 'node:os';
import { z } from 'zod';
import { port, processEnvironment } from '../api/environment.ts';
import { READ_API_SERVICE } from '../api/names.ts';

/** The environment of the operator process. */
export const operatorEnvironment = z.object({
  ...processEnvironment,
  /** Tells the replicas apart in the Lease; in a pod its name. */
  ROCK_MAC_IDENTITY: z
    .string()
    .min(1)
    .default(() => `${hostname()}-${String(process.pid)}`),
  /** How long the others wait for a leader that says nothing more, in seconds. */
  ROCK_MAC_LEADER_LEASE_SECONDS: z.coerce.number().min(3).max(300).default(15),
  /** Between two comparisons of the whole cluster with the ledger, in seconds. */
  ROCK_MAC_RESYNC_SECONDS: z.coerce.number().min(1).max(3_000).default(300),
  /** What people call this cluster, shown beside its id in the ledger. */
  ROCK_MAC_CLUSTER_NAME: z.string().min(1).default('cluster'),
  /** The Service in front of the read API of all replicas: its certificate is for that name. */
  ROCK_MAC_READ_API_SERVICE: z.string().min(1).default(READ_API_SERVICE),
  ROCK_MAC_READ_API_SERVICE_PORT: port.default(10_250),
  ROCK_MAC_READ_API_HOST: z.string().default('::'),
  ROCK_MAC_READ_API_PORT: port.default(9444),
  /** A JSON list of the pools that the installation wants; see installed-pools.ts. */
  ROCK_MAC_POOLS_FILE: z.string().min(1).optional(),
});

export type OperatorConfig = z.infer<typeof operatorEnvironment>;
