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
  /** `"true"` requests addresses; `"false"` opts an object out of the injection of its namespace (opt-in.ts). */
  inject: `${GROUP}/inject`,
  /** On a pod or VM, a NetworkAttachmentDefinition, or a Namespace: the pool of its addresses. */
  pool: `${GROUP}/pool`,
  /** On a Namespace: the pool whose addresses its objects keep although rock-mac did not give them, such as older VMs. */
  adopt: `${GROUP}/adopt`,
  /** On a Namespace: how many addresses its objects and claims may hold, over all pools. */
  maxAddresses: `${GROUP}/max-addresses`,
  /** Set by the webhook: the result as a JSON list of `{network, interface, mac}`. */
  addresses: `${GROUP}/addresses`,
  /** Set by the webhook on an object without a name: links the stored object to its pending addresses. */
  lease: `${GROUP}/lease`,
  /** Set by the webhook on a pod that it gated: for whom, signed (scheduling-gate.ts). */
  gateToken: `${GROUP}/gate-token`,
  /** Set by the webhook on a pod that got its addresses from stock: who got them, signed (stock-token.ts). */
  stockToken: `${GROUP}/stock-token`,
  /** Set on a gated pod: why it has no addresses yet, and what to do. */
  gateReason: `${GROUP}/gate-reason`,
  /** On a pod or VM: the claim whose address it uses, or a JSON map from interfaces to claims. */
  allocation: `${GROUP}/allocation`,
  /** On a pod or VM: a label selector. Each interface uses any unused claim of the namespace that has these labels. */
  allocationSelector: `${GROUP}/allocation-selector`,
  /** On a pod or VM, or on a Namespace for its StatefulSets: `"true"` lets the addresses belong to the name (sticky.ts). */
  sticky: `${GROUP}/sticky`,
  /** On a pod or VM with sticky addresses: `whenScaled=Retain,whenDeleted=Release` (sticky.ts). */
  stickyRetention: `${GROUP}/sticky-retention`,
  /** On a reserved claim that is deleted: also releases the address. */
  forceRelease: `${GROUP}/force-release`,
  /**
   * On a claim that is held for a vanished pod: the uid of this pod, if a person knows that it does not run any more. On a sticky
   * claim whose last pod may still run on a node that is not Ready: the name of this node.
   */
  consumerEnded: `${GROUP}/consumer-ended`,
  /** On a NetworkAttachmentDefinition: the name of its segment. Equal addresses in two segments never meet. */
  segment: `${GROUP}/segment`,
  /** On a claim or a VirtualMachine: `namespace/name` of the one of its kind that may take its addresses (transfer-target.ts). */
  transferTo: `${GROUP}/transfer-to`,
  /** `"true"` on a new claim with `requestedMac`: takes a released address also before its reuse delay is over. */
  overrideReuseDelay: `${GROUP}/override-reuse-delay`,
  /** Why a claim was requested, or why the definition of a MacPool changed last: for the audit (reason.ts). */
  reason: `${GROUP}/reason`,
  /** On a MacAllocation that is deleted next: why, for the audit. */
  releaseReason: `${GROUP}/release-reason`,
  /** On a claim: why `spec.renewedAt` was set last, for the audit. */
  renewReason: `${GROUP}/renew-reason`,
  /** On a MacPool whose automatic release is held: the number of releases that a person approves. */
  approveRelease: `${GROUP}/approve-release`,
} as const;

/** The warning of the webhook about a pod or a machine that is not to be stored. `doctor` recognises the webhook by it. */
export const DRY_RUN_WARNING = 'rock-mac: a dry run allocates no addresses';

/** The scheduling gate of a pod that waits for its addresses, because the ledger was away when it was created. */
export const SCHEDULING_GATE = `${GROUP}/address`;

export const LABELS = {
  /** `enabled` on a namespace opts all its pods and VMs in. */
  inject: `${GROUP}/inject`,
  /** On mirrors: the uid of the object that uses the address. */
  consumerUid: `${GROUP}/consumer-uid`,
  /** `true` on sticky claims, for people. Nothing trusts it: `spec.stickyFor` decides. */
  sticky: `${GROUP}/sticky`,
} as const;

/** The name of both webhook configurations. `zz-` makes them run last, so they see the changes of other webhooks. */
export const WEBHOOK_CONFIGURATION = 'zz-rock-mac';

/** The default namespace of the operator and the webhook. */
export const SYSTEM_NAMESPACE = 'rock-mac-system';
export const WEBHOOK_SERVICE = 'rock-mac-webhook';
export const WEBHOOK_SECRET = 'rock-mac-webhook-tls';
/** The Secret with the keys that sign tokens. The webhook writes it, and the operator reads it. */
export const ADMISSION_KEYS_SECRET = 'rock-mac-admission-keys';
export const READ_API_SERVICE = 'rock-mac-read-api';
export const READ_API_SECRET = 'rock-mac-read-api-tls';
export const OPERATOR_LEASE = 'rock-mac-operator';

/** The ConfigMap with the ledger head that the operator saw last. */
export const LEDGER_HEAD_CONFIG_MAP = 'rock-mac-ledger-head';

/** The key in that ConfigMap with the ticket by which this cluster proves its identity to the ledger. */
export const TICKET_KEY = 'ticket.json';

/** The ServiceAccount of the operator, the only identity that may create mirrors. */
export const OPERATOR_SERVICE_ACCOUNT = 'rock-mac-operator';

/** Returns the user name of the operator in admission requests. */
export function operatorUsername(systemNamespace: string): string {
  return `system:serviceaccount:${systemNamespace}:${OPERATOR_SERVICE_ACCOUNT}`;
}

/** The ServiceAccount of the webhook, which publishes its CA in the webhook configurations. */
export const WEBHOOK_SERVICE_ACCOUNT = 'rock-mac-webhook';

/** Returns the user name of the webhook in admission requests. */
export function webhookUsername(systemNamespace: string): string {
  return `system:serviceaccount:${systemNamespace}:${WEBHOOK_SERVICE_ACCOUNT}`;
}

/** The policy that lets the webhook change nothing but the CA of its configurations, and its binding. */
export const WEBHOOK_CA_POLICY = 'rock-mac-webhook-ca';

/** The policy that requires the verb `use` on a pool, and its binding. */
export const POOL_USE_POLICY = 'rock-mac-pool-use';

/** The policy that requires the verb `use` on a pool that a Namespace names, and its binding. */
export const NAMESPACE_POOLS_POLICY = 'rock-mac-namespace-pools';

/** The policy that requires it for a pool that a NetworkAttachmentDefinition names, and its binding. */
export const NETWORK_POOLS_POLICY = 'rock-mac-network-pools';

/** The policy that requires it for a pool that a stored machine or a waiting pod names, and its binding. */
export const WORKLOAD_POOLS_POLICY = 'rock-mac-workload-pools';

/** The policy that warns of a Deployment whose rollouts wait for its own claim, and its binding. */
export const CLAIM_ROLLOUT_POLICY = 'rock-mac-claim-rollout';

/** The policy that warns of an opt-in which nobody understands, and its binding. */
export const OPT_IN_POLICY = 'rock-mac-opt-in';

/** The policy that bounds labels and annotations of MacAllocations, and its binding. */
export const ALLOCATION_METADATA_POLICY = 'rock-mac-allocation-metadata';

/** The policy for the annotations of claims that hand an address over or override its reuse delay, and its binding. */
export const HANDOVER_POLICY = 'rock-mac-handover';

/**
 * The policies for addresses of pools that a workload uses without the webhook having seen it, and their bindings: in
 * namespaces with the label that opts in, and in all others.
 */
export const STRAY_ADDRESSES_POLICIES = {
  'opted-in': 'rock-mac-stray-addresses-opted-in',
  others: 'rock-mac-stray-addresses',
} as const;

/** The policies for addresses under a prefix that are in no pool, and their bindings. */
export const UNPOOLED_ADDRESSES_POLICIES = {
  'opted-in': 'rock-mac-unpooled-addresses-opted-in',
  others: 'rock-mac-unpooled-addresses',
} as const;

/** The policy for pods with our scheduling gate, and its binding. */
export const SCHEDULING_GATES_POLICY = 'rock-mac-scheduling-gates';

/** The policy that lets the operator change nothing of a pod but its gate and its addresses, and its binding. */
export const OPERATOR_PODS_POLICY = 'rock-mac-operator-pods';

/** The ConfigMap with the prefixes and the ranges of the pools. Those four policies read it, the operator writes it. */
export const ADDRESS_RANGES_CONFIG_MAP = 'rock-mac-address-ranges';

/**
 * Users whose objects are not checked, because what they write was checked before. virt-controller writes the pods and the
 * instances of virtual machines. Multus reports in the status of a pod which addresses its interfaces have.
 */
export const EXEMPT_USERS = [
  'system:serviceaccount:kubevirt:kubevirt-controller',
  'system:serviceaccount:kube-system:multus',
] as const;
