/**
 * All names that rock-mac uses on Kubernetes objects. Users write them in manifests, so change them only together with
 * docs/pods.md.
 */
export const GROUP = 'mac.rock-os.io';
export const VERSION = 'v1alpha1';

/**
 * The group of the read API over the whole ledger. It is a separate group, because the API server routes each group version
 * to one backend only.
 */
export const LEDGER_GROUP = `ledger.${GROUP}`;
export const LEDGER_VERSION = 'v1alpha1';

/** The name of its APIService, which Kubernetes prescribes. */
export const LEDGER_API_SERVICE = `${LEDGER_VERSION}.${LEDGER_GROUP}`;

/** On MacAllocations only: the address is released in the ledger before the object is removed. */
export const RELEASE_FINALIZER = `${GROUP}/release`;

/** On MacPools: a pool with addresses in use is not removed. */
export const POOL_FINALIZER = `${GROUP}/pool-in-use`;

export const ANNOTATIONS = {
  /** `"true"` requests addresses; `"false"` opts an object out of the injection of its namespace. */
  inject: `${GROUP}/inject`,
  /** On a Namespace: the pool of its workloads. */
  pool: `${GROUP}/pool`,
  /** Set by the webhook: the result as a JSON list of `{network, interface, mac}`. */
  addresses: `${GROUP}/addresses`,
  /** Set by the webhook on an object without a name: links the stored object to its pending addresses. */
  lease: `${GROUP}/lease`,
  /** On a pod or VM: the claim whose address it uses, or a JSON map from interfaces to claims. */
  allocation: `${GROUP}/allocation`,
  /** On a reserved claim that is deleted: also releases the address. */
  forceRelease: `${GROUP}/force-release`,
  /** On a MacPool whose automatic release is held: the number of releases that a person approves. */
  approveRelease: `${GROUP}/approve-release`,
} as const;

export const LABELS = {
  /** `enabled` on a namespace opts all its pods and VMs in. */
  inject: `${GROUP}/inject`,
  /** On mirrors: the uid of the object that uses the address. */
  consumerUid: `${GROUP}/consumer-uid`,
} as const;

/** The name of both webhook configurations. `zz-` makes them run last, so they see the changes of other webhooks. */
export const WEBHOOK_CONFIGURATION = 'zz-rock-mac';

/** The default namespace of the operator and the webhook. */
export const SYSTEM_NAMESPACE = 'rock-mac-system';
export const WEBHOOK_SERVICE = 'rock-mac-webhook';
export const WEBHOOK_SECRET = 'rock-mac-webhook-tls';
export const READ_API_SERVICE = 'rock-mac-read-api';
export const READ_API_SECRET = 'rock-mac-read-api-tls';
export const OPERATOR_LEASE = 'rock-mac-operator';

/** The ConfigMap with the ledger head that the operator saw last. */
export const LEDGER_HEAD_CONFIG_MAP = 'rock-mac-ledger-head';

/** The ServiceAccount of the operator, the only identity that may create mirrors. */
export const OPERATOR_SERVICE_ACCOUNT = 'rock-mac-operator';

/** Returns the user name of the operator in admission requests. */
export function operatorUsername(systemNamespace: string): string {
  return `system:serviceaccount:${systemNamespace}:${OPERATOR_SERVICE_ACCOUNT}`;
}

/** The policy that requires the verb `use` on a pool, and its binding. */
export const POOL_USE_POLICY = 'rock-mac-pool-use';

/** The policy that bounds labels and annotations of MacAllocations, and its binding. */
export const ALLOCATION_METADATA_POLICY = 'rock-mac-allocation-metadata';
