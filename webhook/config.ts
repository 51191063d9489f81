import { z } from 'zod';
import { DEFAULT_WORKLOAD_POOL } from '../api/default-pools.ts';
import { port, processEnvironment } from '../api/environment.ts';
import { MULTUS_NAMESPACE } from '../api/multus-networks.ts';
import { WEBHOOK_SERVICE } from '../api/names.ts';
import { PRIMARY_CNIS } from './plan/primary-target.ts';

/** The environment of the webhook process. */
export const webhookEnvironment = z.object({
  ...processEnvironment,
  /** The pool that objects get addresses from whose namespace names none. */
  ROCK_MAC_WORKLOAD_POOL: z.string().min(1).default(DEFAULT_WORKLOAD_POOL),
  /** The CNI of the cluster, where it takes the address of a pod's own interface from an annotation. */
  ROCK_MAC_PRIMARY_CNI: z.enum(PRIMARY_CNIS).default('none'),
  /** Where Multus looks for networks that `v1.multus-cni.io/default-network` names without a namespace. */
  ROCK_MAC_MULTUS_NAMESPACE: z.string().min(1).default(MULTUS_NAMESPACE),
  /** The Service in front of the replicas: the certificate is for its name. */
  ROCK_MAC_WEBHOOK_SERVICE: z.string().min(1).default(WEBHOOK_SERVICE),
  ROCK_MAC_WEBHOOK_HOST: z.string().default('::'),
  ROCK_MAC_WEBHOOK_PORT: port.default(9443),
  /** How long it goes on answering after it was told to stop, until nobody sends it anything any more. */
  ROCK_MAC_DRAIN_SECONDS: z.coerce.number().min(0).max(300).default(5),
});

export type WebhookConfig = z.infer<typeof webhookEnvironment>;
