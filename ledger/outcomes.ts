import type { ReadyReason } from '../api/mac-allocation.ts';
import type { AllocationOutcome, NotOpen } from './address/allocate.ts';
import type { TakeOutcome } from './address/consumer.ts';
import type { AdmissionStatus, FailureExit } from './error-codes.ts';

/*
 * The catalogue of refusals: what each one means, and how each interface reports it. `docs/errors.md` is generated from
 * this file and from error-codes.ts. A text is a clause without a final period.
 */

/** The facts that a text may name. A caller passes only those that its reader may know. */
export interface OutcomeFacts {
  readonly pool?: string | undefined;
  /** The annotation that named the pool, and what has it. */
  readonly poolNamedBy?: string | undefined;
  readonly mac?: string | undefined;
  /** The interface that requested the address. */
  readonly nic?: string | undefined;
  readonly namespace?: string | undefined;
  /** Who holds the address; its last owner, if it was released. */
  readonly holder?: string | undefined;
  /** The state of a held address, where its reader may know it. */
  readonly state?: string | undefined;
  /** When the address, or the next one of the pool, becomes free. Formatted for the reader. */
  readonly freeAt?: string | undefined;
  /** The pool that contains the address, if it is not `pool`. */
  readonly otherPool?: string | undefined;
  readonly claim?: string | undefined;
  /** The node on which the last user of a sticky address may still run. */
  readonly node?: string | undefined;
  /** The labels of the claims that an object selects. */
  readonly selector?: string | undefined;
  /** How many claims have these labels, how many of them are used or have no address yet, and how many the object wants. */
  readonly claims?: ClaimCounts | undefined;
  /** Why the ledger is not open. */
  readonly notOpen?: NotOpen | undefined;
  /** What is wrong with a value. */
  readonly problem?: string | undefined;
}

export interface ClaimCounts {
  readonly total: number;
  readonly used: number;
  readonly pending: number;
  readonly wanted: number;
}

export type Text = string | ((facts: OutcomeFacts) => string);

export interface Wording {
  /** Replaces the cause of the entry where this reader needs other words. */
  readonly cause?: Text;
  readonly next: Text;
}

interface Entry {
  readonly cause: Text;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
}

/** A refusal that only an admission can meet. Its reader is the author of a pod or a virtual machine. */
export interface AdmissionEntry extends Entry {
  readonly admission: Wording & { readonly status: AdmissionStatus };
}

/** A refused allocation, which all three interfaces can meet. */
export interface AllocationEntry extends AdmissionEntry {
  /** The Ready condition of a MacAllocation. Its reader is the author of the claim. */
  readonly ready: Wording & { readonly reason: ReadyReason };
  /** A failed command. Its reader is a shell user. */
  readonly cli: Wording & { readonly exit: FailureExit };
}

/** A request that got an address: a new one, or the one that its key already holds. */
export type AllocatedOutcome = Extract<AllocationOutcome, { readonly outcome: 'allocated' | 'replayed' }>;
export type AllocationRefusal = Exclude<AllocationOutcome, AllocatedOutcome>;
export type ConsumerRefusal = Exclude<TakeOutcome, { readonly outcome: 'taken' }>;

/** `in_reuse_delay` is an `in_use` whose address is already released, and `in_stock` one whose address nobody has got yet. */
export type AllocationCode = AllocationRefusal['outcome'] | 'in_reuse_delay' | 'in_stock';

/** Refusals of a claim's address, the two kinds of `out_of_range` that admission distinguishes, and those without a request. */
export type AdmissionCode =
  | `claim_${Exclude<ConsumerRefusal['outcome'], 'not_open' | 'identity_shared'>}`
  | 'claim_held'
  | 'duplicate'
  | 'no_claim_selected'
  | 'no_unused_claim'
  | 'in_other_pool'
  | 'in_no_pool'
  | 'pool_not_granted'
  | 'namespace_not_found'
  | 'too_many_requests';

export const ALLOCATION_OUTCOMES: Readonly<Record<AllocationCode, AllocationEntry>> = {
  in_use: {
    cause: (facts) => `${addressOf(facts)} is held by ${facts.holder ?? 'another owner'}${stateOf(facts)}`,
    retryable: true,
    ready: {
      reason: 'RequestedMacInUse',
      next: 'Wait until it is released, or create a new MacAllocation without spec.requestedMac',
    },
    admission: { status: 409, next: 'Leave it out to get the next free address' },
    cli: { exit: 'conflict', next: 'Choose another address, or see who holds it with `rock-mac show`' },
  },
  in_reuse_delay: {
    cause: ({ holder, freeAt, ...facts }) => {
      const owner = holder === undefined ? 'its last owner' : `its last owner (${holder})`;
      const end = freeAt === undefined ? 'the reuse delay is over' : freeAt;
      return `${addressOf(facts)} was released, and until ${end} only ${owner} can get it`;
    },
    retryable: true,
    ready: {
      reason: 'RequestedMacInUse',
      next: 'Wait until then, or create a new MacAllocation with the annotation mac.rock-os.io/override-reuse-delay: "true", or without spec.requestedMac',
    },
    admission: { status: 409, next: 'Try again then, or leave it out to get the next free address' },
    cli: {
      exit: 'conflict',
      next: 'Choose another address, try again then, or take it now with `reserve --mac --override-delay`',
    },
  },
  in_stock: {
    cause: (facts) => `${addressOf(facts)} is set aside for a webhook, which gives it to a new pod`,
    retryable: true,
    ready: {
      reason: 'RequestedMacInUse',
      next: 'Create a new MacAllocation with another address, or without spec.requestedMac',
    },
    admission: { status: 409, next: 'Leave it out to get the next free address' },
    cli: { exit: 'conflict', next: 'Choose another address, or see who holds it with `rock-mac show`' },
  },
  key_conflict: {
    cause: 'This object already holds another address',
    retryable: true,
    ready: {
      reason: 'RequestedMacInUse',
      cause: 'This MacAllocation already holds another address in the ledger',
      next: 'Delete it and create a new one',
    },
    admission: { status: 409, next: 'Try again in two minutes, when that address has been released' },
    cli: {
      exit: 'conflict',
      cause: 'This request key already belongs to a request for another device, type, pool or address',
      next: 'Use a different key for each request',
    },
  },
  out_of_range: {
    cause: (facts) => `${addressOf(facts)} is not in pool ${poolOf(facts)}`,
    retryable: false,
    ready: {
      reason: 'RequestedMacOutOfRange',
      next: 'Create a new MacAllocation with an address of that pool, or without spec.requestedMac',
    },
    admission: { status: 422, next: 'Request an address of that pool, or leave it out to get the next free one' },
    cli: { exit: 'error', next: 'Leave --pool out: the address determines its pool' },
  },
  exhausted: {
    cause: ({ freeAt, ...facts }) => {
      const next = freeAt === undefined ? '' : `; the next one is free at ${freeAt}`;
      return `Pool ${poolOf(facts)} has no free address${next}`;
    },
    retryable: true,
    ready: {
      reason: 'PoolExhausted',
      next: (facts) => `Release addresses, or raise spec.last of MacPool ${poolOf(facts)}`,
    },
    admission: { status: 503, next: 'Release addresses, or ask the platform team for a larger pool' },
    cli: {
      exit: 'exhausted',
      next: 'Release addresses that nobody needs (`rock-mac list`), or use another pool (`rock-mac stats`)',
    },
  },
  expiry_held: {
    cause: (facts) =>
      `Pool ${poolOf(facts)} has only released addresses, and none is used again while the clock of the ledger's database is not believed`,
    retryable: true,
    ready: {
      reason: 'PoolExhausted',
      next: 'See the condition ExpiryHeld of a MacPool. The operator tries again by itself',
    },
    admission: { status: 503, next: 'Try again; if it stays, contact the platform team' },
    cli: { exit: 'unavailable', next: 'See `rock-mac ledger status`, then try again' },
  },
  pool_not_found: {
    cause: (facts) => `Pool ${namedPool(facts)} does not exist in the ledger`,
    retryable: true,
    ready: {
      reason: 'PoolNotFound',
      next: 'Create that MacPool, or create a new MacAllocation with a pool that `kubectl get macpools` lists',
    },
    admission: { status: 503, next: 'Create that MacPool, or ask the platform team which pool to use' },
    cli: { exit: 'error', next: 'List the pools with `rock-mac pool list`' },
  },
  pool_paused: {
    cause: (facts) => `Pool ${namedPool(facts)} is paused`,
    retryable: true,
    ready: { reason: 'PoolPaused', next: (facts) => `Set spec.paused of MacPool ${poolOf(facts)} to false` },
    admission: { status: 503, next: 'Ask the platform team to resume it, then try again' },
    cli: { exit: 'unavailable', next: 'Use another pool, or ask the administrator of the ledger to resume this one' },
  },
  prefix_not_seen: {
    cause: (facts) =>
      `The prefix of pool ${namedPool(facts)} is new, and not every cluster has recorded which of its addresses are in use`,
    retryable: true,
    ready: {
      reason: 'LedgerRecovering',
      next: 'Wait for the next resync of every cluster. A cluster that is gone for good is retired with `rock-mac cluster retire`',
    },
    admission: { status: 503, next: 'Try again after the next resync of every cluster, in some minutes' },
    cli: {
      exit: 'unavailable',
      next: 'Try again after the next resync of every cluster (`rock-mac cluster list`), or retire a cluster that is gone for good',
    },
  },
  not_adopted: {
    cause: 'This cluster may not allocate yet: its operator has not recorded the addresses already in use',
    retryable: true,
    ready: { reason: 'LedgerRecovering', next: 'Wait: the operator tries again when it has recorded them' },
    admission: { status: 503, next: 'Try again when the operator is ready' },
    cli: { exit: 'unavailable', next: 'Try again when the operator is ready' },
  },
  identity_shared: {
    cause:
      'Another control plane has the identity of this cluster, or this one was restored from a backup, so it may not allocate',
    retryable: true,
    ready: { reason: 'LedgerRecovering', next: 'See the condition ClusterIdentityShared of a MacPool' },
    admission: {
      status: 503,
      next: 'Ask the platform team: the condition ClusterIdentityShared of a MacPool says what to do',
    },
    cli: { exit: 'unavailable', next: 'See the condition ClusterIdentityShared of a MacPool' },
  },
  not_allowed: {
    cause: 'The database login of this program may not request addresses for this cluster or for devices',
    retryable: false,
    ready: { reason: 'LedgerUnavailable', next: 'Ask the administrator of the ledger to check the login' },
    admission: { status: 503, next: 'Ask the platform team to check the login of the ledger' },
    cli: { exit: 'forbidden', next: 'Use a login of the role rock_mac_device (docs/database-roles.md)' },
  },
  not_open: {
    cause: ({ notOpen }) => `The ledger allocates no addresses now${notOpen === undefined ? '' : NOT_OPEN[notOpen]}`,
    retryable: true,
    ready: {
      reason: 'LedgerRecovering',
      next: 'See the condition LedgerOpen of a MacPool. The operator tries again by itself',
    },
    admission: { status: 503, next: 'Try again; if it stays, contact the platform team' },
    cli: { exit: 'unavailable', next: 'Try again' },
  },
  pending_cap: {
    cause: 'This namespace holds too many addresses for objects that were never stored',
    retryable: true,
    ready: { reason: 'Pending', next: 'Wait: the operator tries again' },
    admission: { status: 503, next: 'Try again in two minutes, when those addresses have been released' },
    cli: { exit: 'unavailable', next: 'Try again in two minutes' },
  },
  pool_quota: {
    cause: (facts) => `This namespace holds as many addresses of pool ${poolOf(facts)} as it may`,
    retryable: true,
    ready: {
      reason: 'QuotaExceeded',
      next: (facts) =>
        `Delete objects that need none, or ask whoever may change MacPool ${poolOf(facts)} to raise spec.maxPerNamespace`,
    },
    admission: {
      status: 403,
      next: (facts) =>
        `Delete objects that need none, or ask whoever may change MacPool ${poolOf(facts)} to raise spec.maxPerNamespace`,
    },
    cli: {
      exit: 'exhausted',
      next: (facts) => `Ask whoever may change MacPool ${poolOf(facts)} to raise spec.maxPerNamespace`,
    },
  },
  namespace_quota: {
    cause: 'This namespace holds as many addresses as its annotation mac.rock-os.io/max-addresses allows',
    retryable: true,
    ready: {
      reason: 'QuotaExceeded',
      next: 'Delete objects that need none, or ask whoever may use its pool and change the Namespace to raise the annotation',
    },
    admission: {
      status: 403,
      next: 'Delete objects that need none, or ask whoever may use its pool and change the Namespace to raise the annotation',
    },
    cli: { exit: 'exhausted', next: 'Ask whoever may change the Namespace to raise the annotation' },
  },
  consumer_unreachable: {
    cause: ({ node, ...facts }) => {
      const address = facts.mac === undefined ? 'The address of this name' : addressOf(facts);
      const where = node === undefined ? 'a node' : `node ${node}`;
      return `${address} may still be in use: the last pod of this name may run on ${where}, which does not respond`;
    },
    retryable: true,
    ready: { reason: 'Pending', next: 'Wait until the node is back or is deleted' },
    admission: {
      status: 409,
      next: ({ claim = '' }) =>
        `Try again when that node is Ready or deleted. If you know that the pod has ended, do what the condition ConsumerUnreachable of MacAllocation ${claim} says`,
    },
    cli: { exit: 'conflict', next: 'Wait until the node is back or is deleted' },
  },
  other_namespace: {
    cause: 'The address of this name belongs to an older namespace with the name of this one',
    retryable: true,
    ready: { reason: 'Pending', next: 'Wait until it is released' },
    admission: { status: 409, next: 'Delete the sticky MacAllocation of this name, then try again' },
    cli: { exit: 'conflict', next: 'Wait until it is released' },
  },
  unused_limit: {
    cause: 'This namespace has too many sticky addresses that nothing uses',
    retryable: true,
    ready: { reason: 'QuotaExceeded', next: 'Delete sticky MacAllocations that nothing uses' },
    admission: {
      status: 403,
      next: 'Delete sticky MacAllocations that nothing uses, or remove the annotation mac.rock-os.io/sticky',
    },
    cli: { exit: 'exhausted', next: 'Delete sticky MacAllocations that nothing uses' },
  },
  retry: {
    cause: 'The ledger is still searching the pool for a free address',
    retryable: true,
    ready: { reason: 'Pending', next: 'Wait: the operator tries again' },
    admission: { status: 503, next: 'Try again' },
    cli: { exit: 'unavailable', next: 'Try again' },
  },
};

export const ADMISSION_OUTCOMES: Readonly<Record<AdmissionCode, AdmissionEntry>> = {
  in_other_pool: {
    cause: ({ otherPool = '', namespace = '', ...facts }) =>
      `${addressOf(facts)} is in pool ${otherPool}, but ${facts.poolNamedBy === undefined ? `namespace ${namespace} uses` : `${facts.poolNamedBy} names`} pool ${poolOf(facts)}`,
    retryable: false,
    admission: {
      status: 403,
      next: (facts) => `Request an address of pool ${poolOf(facts)}, or use a claim`,
    },
  },
  in_no_pool: {
    cause: (facts) => `${addressOf(facts)} is not in pool ${poolOf(facts)}, nor in any other`,
    retryable: false,
    admission: {
      status: 422,
      next: (facts) => `Request an address of pool ${poolOf(facts)}, or leave it out to get the next free one`,
    },
  },
  pool_not_granted: {
    cause: (facts) =>
      `Pool ${namedPool(facts)} may be used neither by the author of this object nor by the ServiceAccount of the pod`,
    retryable: true,
    admission: {
      status: 403,
      next: ({ namespace = '', ...facts }) =>
        `Name another pool, or ask for the verb "use" on macpools.mac.rock-os.io/${poolOf(facts)} in namespace ${namespace}`,
    },
  },
  duplicate: {
    cause: ({ holder = 'another object', ...facts }) => `${addressOf(facts)} is in use by ${holder}`,
    retryable: true,
    admission: {
      status: 409,
      next: 'Give this object another address, or leave it out to get one. If the other object was deleted just now, try again in some seconds',
    },
  },
  claim_in_use: {
    cause: ({ claim = '', holder = 'another object' }) => `The address of claim ${claim} is in use by ${holder}`,
    retryable: true,
    admission: {
      status: 409,
      next: ({ claim = '' }) =>
        `Try again when that object is deleted: status.consumer of MacAllocation ${claim} names it. A Deployment with a claim needs the strategy Recreate or maxSurge 0`,
    },
  },
  claim_held: {
    cause: ({ claim = '', holder = 'a pod' }) =>
      `The address of claim ${claim} is held for ${holder}, which was deleted before its kubelet had ended it and may still run`,
    retryable: true,
    admission: {
      status: 409,
      next: ({ claim = '' }) =>
        `Try again when the node of that pod is back. If it stays away, do what the condition Bound of MacAllocation ${claim} says`,
    },
  },
  claim_unknown: {
    cause: ({ claim = '' }) => `The ledger no longer holds the address of claim ${claim}`,
    retryable: true,
    admission: { status: 503, next: 'Try again when the MacAllocation is Ready' },
  },
  claim_invalid: {
    cause: ({ claim = '', problem = '' }) => `This object cannot use the address of claim ${claim}: ${problem}`,
    retryable: false,
    admission: { status: 422, next: 'Correct the object' },
  },
  no_claim_selected: {
    cause: ({ namespace = '', selector = '' }) =>
      `Namespace ${namespace} has no MacAllocation with the labels ${selector}`,
    retryable: true,
    admission: {
      status: 503,
      next: 'Create some, for example with `kubectl rock-mac allocate --count 3 --label … --name-prefix …`, then try again',
    },
  },
  no_unused_claim: {
    cause: ({ namespace = '', selector = '', holder, claims }) => {
      const { total, used, pending, wanted } = claims ?? { total: 0, used: 0, pending: 0, wanted: 1 };
      const users = holder === undefined ? '' : ` (${holder})`;
      const noAddress = pending === 0 ? '' : `, ${String(pending)} without an address`;
      return `Too few MacAllocations of namespace ${namespace} with the labels ${selector} are unused: ${String(wanted)} wanted, ${String(total)} there, ${String(used)} in use${users}${noAddress}`;
    },
    retryable: true,
    admission: {
      status: 409,
      next: 'Create more of them, or try again when one is unused. A Deployment with maxSurge needs more of them than it has replicas',
    },
  },
  namespace_not_found: {
    cause: ({ namespace = '' }) => `Namespace ${namespace} does not exist`,
    retryable: true,
    admission: { status: 403, next: 'Create it, then try again' },
  },
  too_many_requests: {
    cause: ({ namespace = '' }) => `Too many addresses were requested for namespace ${namespace} within a few seconds`,
    retryable: true,
    admission: { status: 503, next: 'Try again in a few seconds' },
  },
};

const NOT_OPEN: Readonly<Record<NotOpen, string>> = {
  recovering: ': it is recovering from a failover or a restore',
  paused: ': an administrator has paused it',
  timeline_changed: ': Postgres has just failed over or was restored',
  system_changed: ': it was just moved to another Postgres',
  not_durable: ': Postgres has no synchronous standby',
};

export function isAllocated(outcome: { readonly outcome: string }): outcome is AllocatedOutcome {
  return outcome.outcome === 'allocated' || outcome.outcome === 'replayed';
}

/** Returns the code of a refused allocation. */
export function allocationCode(refusal: AllocationRefusal): AllocationCode {
  if (refusal.outcome !== 'in_use') return refusal.outcome;
  const { state } = refusal.holder;
  return state === 'released' ? 'in_reuse_delay' : state === 'stocked' ? 'in_stock' : 'in_use';
}

/** Returns the cause and the next step for one reader, each without a final period. */
export function describeRefusal(
  { cause }: Pick<Entry, 'cause'>,
  wording: Wording,
  facts: OutcomeFacts,
): { readonly cause: string; readonly next: string } {
  return { cause: textOf(wording.cause ?? cause, facts), next: textOf(wording.next, facts) };
}

export function textOf(text: Text, facts: OutcomeFacts): string {
  return typeof text === 'string' ? text : text(facts);
}

function addressOf({ mac, nic }: OutcomeFacts): string {
  return (mac === undefined ? 'The requested address' : `MAC ${mac}`) + (nic === undefined ? '' : ` on ${nic}`);
}

function namedPool(facts: OutcomeFacts): string {
  const { poolNamedBy } = facts;
  return poolNamedBy === undefined ? poolOf(facts) : `${poolOf(facts)}, which ${poolNamedBy} names,`;
}

function poolOf({ pool = '' }: OutcomeFacts): string {
  return pool;
}

function stateOf({ state, freeAt }: OutcomeFacts): string {
  const details = [state, freeAt === undefined ? undefined : `until ${freeAt}`].filter((each) => each !== undefined);
  return details.length === 0 ? '' : ` (${details.join(', ')})`;
}
