import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { LiveAddress } from '../live/live-address.ts';

/** What proves that an address on a live object was given to that object, although the ledger has no owner for it. */
export type GrantReason =
  /** The object existed before rock-mac was installed in its cluster. Only during the initial sync. */
  | 'in use before the installation'
  /** The operator mirrored the address for this object, so the ledger had given it to the object and lost it since. */
  | 'its mirror is still there'
  /** Admission let the object have it, and the ledger may have lost the row in a failover. */
  | 'handed out before a failover'
  /** An object of the same kind, namespace and name had it last, and its reuse delay is not over. */
  | 'its last owner is back'
  /** A person with the right to use the pool lets the namespace keep the addresses that its objects use. */
  | 'its namespace adopts addresses of the pool';

/** Why the operator compares the cluster with the ledger. */
export type Occasion =
  /** Before the cluster may allocate for the first time. */
  | 'initial-sync'
  /** The ledger failed over or was restored, and may lack rows. */
  | 'recovery'
  | 'usual';

/** What the operator knows about an address that the ledger did not grant to the object which uses it. */
export interface Evidence {
  readonly occasion: Occasion;
  /** When the cluster was registered in the ledger. */
  readonly registeredAt: Date;
  /** When the object was created, by the API server. */
  readonly createdAt: Date | undefined;
  /** Whether the webhook is not asked about the object even if its namespace opts it in. */
  readonly skippedAdmission: boolean;
  /** Whether the object has a mirror of the address on this interface. */
  readonly isMirrored: boolean;
  /** Whether a webhook signed that it answered with the address when the object was created. False where that proves nothing. */
  readonly hasToken: boolean;
  /** The pool that the machine or the network of the interface names, where a policy of the API server has asked whoever named it for the right to use it in this namespace. */
  readonly namedPool: string | undefined;
  /** The pool whose range contains the address. */
  readonly pool: string | undefined;
  /** The namespace of the object; `undefined` if it does not exist any more. */
  readonly namespace: NamespaceEvidence | undefined;
  readonly now: Date;
}

export interface NamespaceEvidence {
  readonly createdAt: Date | undefined;
  /** Whether the objects of the namespace get addresses without an annotation of their own, so admission sees each of them. */
  readonly isOptedIn: boolean;
  /** The pool of its workloads, if the namespace names one or is opted in. */
  readonly pool: string | undefined;
  /** The pool of which it adopts the addresses that its objects use. */
  readonly adopts: string | undefined;
}

interface Candidate {
  readonly owner: LiveAddress['owner'];
  readonly row: AddressRow | undefined;
  readonly evidence: Evidence;
}

/** The proofs, in the order in which they are named. Each is enough. */
const PROOFS: readonly (readonly [GrantReason, (candidate: Candidate) => boolean])[] = [
  ['in use before the installation', isOlderThanInstallation],
  ['its mirror is still there', ({ evidence }) => evidence.isMirrored],
  [
    'handed out before a failover',
    (candidate) => wasLost(candidate.row, candidate.evidence.occasion) && wasAdmitted(candidate),
  ],
  ['its last owner is back', isLastOwner],
  ['its namespace adopts addresses of the pool', ({ evidence: { namespace, pool } }) => namespace?.adopts === pool],
];

/**
 * Returns why the ledger should give an address to the object that uses it, or `undefined`: the address is then only
 * observed. Seen is not granted, because whoever may create a pod could otherwise take any free address.
 */
export function findGrant(
  { owner }: Pick<LiveAddress, 'owner'>,
  row: AddressRow | undefined,
  evidence: Evidence,
): GrantReason | undefined {
  if (evidence.pool === undefined) return undefined;
  return PROOFS.find(([, holds]) => holds({ owner, row, evidence }))?.[0];
}

function isOlderThanInstallation({ evidence: { occasion, createdAt, registeredAt } }: Candidate): boolean {
  return occasion === 'initial-sync' && createdAt !== undefined && createdAt < registeredAt;
}

/** Returns whether the ledger may have lost the row: it covers the address, or it failed over and knows no owner of it. */
export function wasLost(row: AddressRow | undefined, occasion: Occasion): boolean {
  // Before this cluster reports its addresses, another controller may observe one of them. That row has generation 0.
  const hadNoOwner = row === undefined || row.generation === 0;
  if (hadNoOwner) return occasion !== 'usual';
  // A webhook may still answer with what it had in stock, until it has dropped it. Its token is the proof of that.
  const isInStock = row.owner?.kind === 'Webhook' && row.owner.uid !== undefined;
  return row.origin === 'replication-gap' && !isInStock;
}

/**
 * Returns whether admission saw the object and gives such an object addresses of this pool. The pool that a pod names is no proof:
 * whoever may update a stored pod may change that annotation, and nobody asks for their rights.
 */
function wasAdmitted({ evidence: { namespace, pool, namedPool, skippedAdmission, hasToken } }: Candidate): boolean {
  if (skippedAdmission) return false;
  return hasToken || (namespace?.isOptedIn === true && (namespace.pool === pool || namedPool === pool));
}

/**
 * Returns whether an observed address counts toward the limits. It does not where the namespace may use the pool: its pool
 * annotation was written by somebody with the right to use that pool. It does not during a sync of the whole cluster.
 */
export function isLimited({ occasion, pool, namespace }: Evidence): boolean {
  if (occasion !== 'usual') return false;
  return pool === undefined || (namespace?.pool !== pool && namespace?.adopts !== pool);
}

/** A namespace that was deleted and created again belongs to other people, so its objects inherit nothing. */
function isLastOwner({ owner, row, evidence: { namespace, now } }: Candidate): boolean {
  if (row?.state !== 'released' || row.reusableAt === undefined || row.reusableAt <= now) return false;
  const isSame = (['clusterId', 'kind', 'namespace', 'name'] as const).every(
    (part) => row.owner?.[part] === owner[part],
  );
  return isSame && namespace?.createdAt !== undefined && namespace.createdAt <= row.allocatedAt;
}
