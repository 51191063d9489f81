import { isAlreadyExists, isForbidden, isNotFound } from '../../kube/client/errors.ts';
import { keyOf } from '../../kube/client/objects.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { Result } from '../../kube/controller/controller.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { bind } from '../../ledger/address/bind.ts';
import { takeConsumer, type ConsumerItem } from '../../ledger/address/consumer.ts';
import { findByMac } from '../../ledger/address/find.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { Workload, WorkloadKind } from './workload.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { mirrorName, newMirror, type MirrorSubject } from '../mirror/mirror.ts';
import { boundStatus } from '../mirror/status.ts';
import { liveKey, classify, type LiveAddress } from './classify.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';

/** What a reconcile of a workload needs beside the object. */
export interface WorkloadReconcileDeps {
  /** The copy of a MacAllocation, by `namespace/name`. */
  readonly allocation: (key: string) => MacAllocation | undefined;
  /** To be called when the consumer of a claim has changed in the ledger. */
  readonly claimChanged: (claim: Owner) => void;
  /** To be called when the address that it carries is somebody else's. */
  readonly conflict: (workload: Workload, kind: WorkloadKind, address: LiveAddress, row: AddressRow) => void;
}

/** One address on one interface, on its way through the steps. */
interface WorkloadAddress extends LiveAddress {
  readonly workload: Workload;
  readonly kind: WorkloadKind;
}

/** How soon an address that somebody else holds is looked at again: its release may be under way. */
const CONFLICT_RETRY_MS = 15_000;

/**
 * Makes the ledger and the mirrors say what a live object carries. Watches pods and virtual machines; writes mirrors, binds
 * addresses, and takes claims for their consumers.
 *
 * For each address: 1. the mirror is stored, finalizer and all; 2. the ledger binds the address to the object's uid; 3. the
 * mirror's status is written. Killed after 1, the mirror releases whatever the address became; killed after 2, the next
 * look finds it bound.
 */
export async function reconcileWorkload(
  workload: Workload,
  kind: WorkloadKind,
  world: WorkloadReconcileDeps,
  context: OperatorDeps,
): Promise<Result> {
  let contested = false;
  for (const address of liveAddresses(workload, kind, context)) {
    contested = (await keepAddress({ ...address, workload, kind }, world, context)) === 'contested' || contested;
  }
  return contested ? { requeueAfterMs: CONFLICT_RETRY_MS } : undefined;
}

/** What a stored object carries and owns, as the ledger would name it. */
export function liveAddresses(
  { metadata: { namespace = '', name, uid }, nics, lease }: Workload,
  { resource }: WorkloadKind,
  { clusterId }: Pick<OperatorDeps, 'clusterId'>,
): readonly LiveAddress[] {
  return nics.map(({ nic, mac }) => ({
    mac,
    owner: { clusterId, kind: resource.kind, namespace, name, uid, nic },
    lease,
    alsoOn: nics.flatMap((other) => (other.mac === mac && other.nic !== nic ? other.nic : [])),
  }));
}

async function keepAddress(
  used: WorkloadAddress,
  world: WorkloadReconcileDeps,
  context: OperatorDeps,
): Promise<'kept' | 'contested'> {
  const found = await findByMac(context.ledger, used.mac);
  switch (classify(used, found)) {
    case 'own':
    case 'pending':
      if (found !== undefined) await mirrorAndBind(used, found, world, context);
      return 'kept';
    case 'renamed':
      // It stays bound to the interface that it was given to: an owner is told by its uid.
      if (found?.owner !== undefined) await mirrorAndBind(onInterface(used, found.owner.nic), found, world, context);
      return 'kept';
    case 'free':
      return await adoptFound(used, world, context);
    case 'claimed':
      return found === undefined ? 'kept' : await consume(used, found, world, context);
    case 'owned-by-parent':
      return 'kept';
    case 'conflict':
      if (found !== undefined) world.conflict(used.workload, used.kind, used, found);
      return 'contested';
  }
}

function onInterface(used: WorkloadAddress, nic: string): WorkloadAddress {
  return { ...used, owner: { ...used.owner, nic } };
}

/** Somebody put it there without us: a manifest, or an object that is older than the installation. */
async function adoptFound(
  used: WorkloadAddress,
  world: WorkloadReconcileDeps,
  context: OperatorDeps,
): Promise<'kept' | 'contested'> {
  const { ledger, actor, logger } = context;
  const { mac, owner } = used;
  if (!(await isStillThere(used, context))) return 'kept';
  const item = { mac, key: liveKey(used), owner, requester: actor, reason: 'seen on a live object' };
  const [adopted] = await adopt(ledger, [item], actor);
  const row = await findByMac(ledger, mac);
  if (adopted?.outcome === 'adopted' || adopted?.outcome === 'held') {
    logger.info({ ...describe(used) }, 'address adopted');
    if (row !== undefined) await mirrorAndBind(used, row, world, context);
    return 'kept';
  }
  logger.info({ ...describe(used), outcome: adopted?.outcome }, 'address on a live object cannot be adopted');
  // Another took it between the two statements; the next look sees who. What is in no pool is nobody's.
  return adopted?.outcome === 'conflict' ? 'contested' : 'kept';
}

async function mirrorAndBind(
  used: WorkloadAddress,
  row: AddressRow,
  world: WorkloadReconcileDeps,
  context: OperatorDeps,
): Promise<void> {
  const { workload, kind, mac, owner } = used;
  const subject = { workload, kind, nic: owner.nic, mac, pool: row.pool, requester: row.requester };
  const mirror = await ensureMirror(subject, world, context);
  const generation = row.key === liveKey(used) ? row.generation : await bindAddress(used, row, context);
  if (mirror === undefined) return;
  const status = boundStatus(mirror, { mac, generation, allocatedAt: row.allocatedAt }, context);
  await writeStatus(macAllocations, mirror, status, context.client);
}

/**
 * Before something that was given up is taken again: each kind has a watch of its own, and the news that an object is gone
 * may come after the news that its mirror is. To adopt for the dead would be undone, but it would be in the audit.
 */
function isStillThere({ kind, owner, mac }: WorkloadAddress, { client }: OperatorDeps): Promise<boolean> {
  return kind.stillUses({ ...owner, mac }, client);
}

/** Hands the address over from the question of the admission to the stored object. Answers its generation. */
async function bindAddress(
  used: WorkloadAddress,
  row: AddressRow,
  { ledger, actor, logger }: OperatorDeps,
): Promise<number> {
  const { mac, owner } = used;
  const [bound] = await bind(ledger, [{ mac, key: row.key, boundKey: liveKey(used), owner }], actor);
  if (bound?.outcome !== 'bound')
    throw new Error(`${mac} could not be bound to its object: ${bound?.outcome ?? 'no answer'}`);
  logger.info({ ...describe(used), pool: row.pool }, 'address bound');
  return bound.generation;
}

/** The address is a claim's: the object is written down as the one that uses it, and the claim shows that. */
async function consume(
  used: WorkloadAddress,
  row: AddressRow,
  world: WorkloadReconcileDeps,
  context: OperatorDeps,
): Promise<'kept' | 'contested'> {
  const { ledger, actor, logger } = context;
  if (row.consumer?.key !== liveKey(used) || row.consumer.expiresAt !== undefined) {
    if (!(await isStillThere(used, context))) return 'kept';
    const [taken] = await takeConsumer(ledger, [consumerItem(used, row)], { actor });
    if (taken?.outcome !== 'taken') return 'contested';
    logger.info({ ...describe(used), claim: row.owner?.name }, 'claim is used');
  }
  if (row.owner !== undefined) world.claimChanged(row.owner);
  return 'kept';
}

/** What makes a live object the consumer of the claim that holds its address. */
export function consumerItem(address: LiveAddress, row: AddressRow): ConsumerItem {
  const { kind, name, uid, nic } = address.owner;
  return { claimKey: row.key, expected: row.consumer?.key, key: liveKey(address), kind, name, uid, nic };
}

/** `undefined` where none can be made: a terminating namespace takes no new objects, and the ledger binds without it. */
async function ensureMirror(
  subject: MirrorSubject,
  world: WorkloadReconcileDeps,
  { client, logger }: OperatorDeps,
): Promise<MacAllocation | undefined> {
  const { namespace } = subject.workload.metadata;
  const key = { namespace, name: mirrorName(subject) };
  const known = world.allocation(keyOf({ metadata: key }));
  if (known !== undefined && known.metadata.deletionTimestamp === undefined) return asMirrorOf(subject, known);
  try {
    return await client.create(macAllocations, newMirror(subject));
  } catch (error) {
    if (isAlreadyExists(error)) return asMirrorOf(subject, await client.get(macAllocations, key));
    if (isNotFound(error) || isNamespaceTerminating(error)) {
      logger.info({ ...key, workload: subject.workload.metadata.name }, 'no mirror: its namespace is being deleted');
      return undefined;
    }
    throw error;
  }
}

/** Any other refusal (a quota, a policy) is no end of the namespace: it is retried, and stays visible in the log. */
function isNamespaceTerminating(error: unknown): boolean {
  return isForbidden(error) && (error.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating');
}

/** An object of that name that somebody else made is left alone. */
function asMirrorOf({ workload }: MirrorSubject, found: MacAllocation): MacAllocation | undefined {
  return found.spec.consumerRef?.uid === workload.metadata.uid ? found : undefined;
}

function describe({ owner: { kind, namespace, name, nic }, mac }: LiveAddress) {
  return { kind, namespace, name, nic, mac };
}
