/**
 * Every name that rock-mac puts on objects of other people, in one place: users write these by hand,
 * so they change only together with docs/pods.md.
 */
export const GROUP = 'mac.rock-os.io';
export const VERSION = 'v1alpha1';

/**
 * The read-only API over the ledger itself, which shows what no object of a cluster does. A group of its own, since the API
 * server looks for a group in one place only.
 */
export const LEDGER_GROUP = `ledger.${GROUP}`;
export const LEDGER_VERSION = 'v1alpha1';

/** The name of its APIService, which the API server prescribes. */
export const LEDGER_API_SERVICE = `${LEDGER_VERSION}.${LEDGER_GROUP}`;

/** On MacAllocations only: the address is released in the ledger before the object goes. */
export const RELEASE_FINALIZER = `${GROUP}/release`;

/** On MacPools: one with addresses in use is not forgotten. */
export const POOL_FINALIZER = `${GROUP}/pool-in-use`;

export const ANNOTATIONS = {
  /** `"true"` asks for addresses; `"false"` opts an object out of its namespace's injection. */
  inject: `${GROUP}/inject`,
  /** On a Namespace: the pool that its workloads get addresses from. */
  pool: `${GROUP}/pool`,
  /** Written by the webhook: a JSON list of `{network, interface, mac}`, the result for people and programs. */
  addresses: `${GROUP}/addresses`,
  /** Written by the webhook on an object that has no name yet: ties the stored object to its pending addresses. */
  lease: `${GROUP}/lease`,
  /** On a pod or VM: the claim whose address it uses, or a JSON map from interfaces to claims. */
  allocation: `${GROUP}/allocation`,
  /** On a reserved claim that is being deleted: gives the address back too. */
  forceRelease: `${GROUP}/force-release`,
  /** On a MacPool whose automatic release is held: the count that a person has looked at and lets go. */
  approveRelease: `${GROUP}/approve-release`,
} as const;

export const LABELS = {
  /** `enabled` on a namespace opts all its pods and VMs in. */
  inject: `${GROUP}/inject`,
  /** On mirrors: the uid of the object that carries the address. */
  consumerUid: `${GROUP}/consumer-uid`,
} as const;

/** The mutating and the validating configuration; `zz-` makes them run after other people's, and see what those added. */
export const WEBHOOK_CONFIGURATION = 'zz-rock-mac';

/** Where the operator and the webhook live unless the installation says otherwise. */
export const SYSTEM_NAMESPACE = 'rock-mac-system';
export const WEBHOOK_SERVICE = 'rock-mac-webhook';
export const WEBHOOK_SECRET = 'rock-mac-webhook-tls';
export const READ_API_SERVICE = 'rock-mac-read-api';
export const READ_API_SECRET = 'rock-mac-read-api-tls';
export const OPERATOR_LEASE = 'rock-mac-operator';

/** A ConfigMap beside the Lease: how far the ledger had come when the operator saw it last. */
export const LEDGER_HEAD_CONFIG_MAP = 'rock-mac-ledger-head';

/** The operator's ServiceAccount: the one identity that may make mirrors. */
export const OPERATOR_SERVICE_ACCOUNT = 'rock-mac-operator';

/** The operator's user name, as admission sees it. */
export function operatorUsername(systemNamespace: string): string {
  return `system:serviceaccount:${systemNamespace}:${OPERATOR_SERVICE_ACCOUNT}`;
}

/** The policy that asks for the verb `use` on a pool, and its binding. */
export const POOL_USE_POLICY = 'rock-mac-pool-use';

/** The policy that bounds labels and annotations of MacAllocations, and its binding. */
export const ALLOCATION_METADATA_POLICY = 'rock-mac-allocation-metadata';
