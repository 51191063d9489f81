import { z } from 'zod';
import { DEFAULT_PREFIX, DEFAULT_WORKLOAD_POOL } from '../api/default-pools.ts';
import { port, prefixList, processEnvironment } from '../api/environment.ts';
import { MULTUS_NAMESPACE } from '../api/multus-networks.ts';
import { WEBHOOK_SERVICE } from '../api/names.ts';
import { DUPLICATES_MODES } from './admit/check-duplicates.ts';
import { PRIMARY_CNIS } from './plan/primary-target.ts';

/** The environment of the webhook process. */
export const webhookEnvironment = z.object({
  ...processEnvironment,
  /** The prefixes until the operator has published those of the ledger. */
  ROCK_MAC_PREFIXES: prefixList.prefault(DEFAULT_PREFIX),
  /** The pool for objects whose namespace names none. */
  ROCK_MAC_WORKLOAD_POOL: z.string().min(1).default(DEFAULT_WORKLOAD_POOL),
  /** What happens to a new pod while the ledger cannot be reached: it waits with a scheduling gate, or it is refused. */
  ROCK_MAC_WHEN_LEDGER_AWAY: z.enum(['gate', 'refuse']).default('gate'),
  /** For how long the stock should last at the average rate, in seconds. 0: every admission asks the ledger. */
  ROCK_MAC_STOCK_COVER_SECONDS: z.coerce.number().int().min(0).max(86_400).default(3_600),
  /** The pod that this process runs in. Without it there is no stock, because nobody could prove its end. */
  ROCK_MAC_POD_NAME: z.string().min(1).optional(),
  ROCK_MAC_POD_UID: z.string().min(1).optional(),
  /** The CNI of the cluster, if it reads the address of a pod's own interface from an annotation. */
  ROCK_MAC_PRIMARY_CNI: z.enum(PRIMARY_CNIS).default('none'),
  /** For OVN-Kubernetes: `namespace/name` of the NetworkAttachmentDefinition of its own network. */
  ROCK_MAC_PRIMARY_NETWORK: z
    .string()
    .regex(/^[a-z0-9][-a-z0-9]*\/[a-z0-9][-a-z0-9]*$/)
    .default('ovn-kubernetes/default'),
  /** The namespace in which Multus looks for networks that `v1.multus-cni.io/default-network` names without one. */
  ROCK_MAC_MULTUS_NAMESPACE: z.string().min(1).default(MULTUS_NAMESPACE),
  /** What happens to an object with an address of another prefix that another object uses. */
  ROCK_MAC_DUPLICATES: z.enum(DUPLICATES_MODES).default('refuse'),
  /** The Service in front of the replicas. The certificate is issued for its name. */
  ROCK_MAC_WEBHOOK_SERVICE: z.string().min(1).default(WEBHOOK_SERVICE),
  ROCK_MAC_WEBHOOK_HOST: z.string().default('::'),
  ROCK_MAC_WEBHOOK_PORT: port.default(9443),
  /** The PEM file with the CA of the API server's client certificate. Without it, anybody may send reviews. */
  ROCK_MAC_WEBHOOK_CLIENT_CA_FILE: z.string().min(1).optional(),
  /** The accepted common names of that certificate, separated by commas. Empty accepts every certificate of the CA. */
  ROCK_MAC_WEBHOOK_CLIENT_NAMES: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]))),
  /** How long the process serves after the stop signal, until the API server uses the other replicas. */
  ROCK_MAC_DRAIN_SECONDS: z.coerce.number().min(0).max(300).default(5),
});

export type WebhookConfig = z.infer<typeof webhookEnvironment>;
