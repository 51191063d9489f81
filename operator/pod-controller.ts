import { podNics, type PodNic } from '../api/pod-nics.ts';
import { ANNOTATIONS } from '../api/names.ts';
import { isAlreadyExists, isForbidden, isNotFound } from '../kube/errors.ts';
import { keyOf } from '../kube/objects.ts';
import type { Result } from '../kube/controller.ts';
import { adopt } from '../ledger/adopt.ts';
import { bind } from '../ledger/bind.ts';
import type { AddressRow } from '../ledger/address-row.ts';
import { findByMac } from '../ledger/find.ts';
import { boundKey, leaseKey } from '../ledger/holder-key.ts';
import type { Owner } from '../ledger/owner.ts';
import type { MacPrefix } from '../mac/mac-range.ts';
import type { OperatorContext } from './context.ts';
import { isFinished, mirrorName, newMirror } from './mirror.ts';
import { boundStatus } from './mirror-status.ts';
import { macAllocations, type MacAllocation, type Pod } from './resources.ts';
import { writeStatus } from './write-allocation.ts';

/** Whether the operator has anything to do with this pod: it carries an address of ours that is its own. */
export function carriesOurAddress(pod: Pod, prefix: MacPrefix): boolean {
  if (isFinished(pod) || isVirtLauncher(pod)) return false;
  return nicsOf(pod, prefix).length > 0;
}

/** A virt-launcher pod carries its VM's addresses, of which the VM is the owner. */
function isVirtLauncher(pod: Pod): boolean {
  return (pod.metadata.ownerReferences ?? []).some(({ kind }) => kind === 'VirtualMachineInstance');
}

export function nicsOf(pod: Pod, prefix: MacPrefix): readonly PodNic[] {
  const { namespace = '', annotations = {} } = pod.metadata;
  return podNics({ namespace, annotations }, prefix);
}

/**
 * Makes the ledger and the mirrors say what a live pod carries. Watches pods; writes mirrors and binds addresses.
 *
 * For each address: 1. the mirror is stored, finalizer and all; 2. the ledger binds the address to the pod's uid; 3. the
 * mirror's status is written. Killed after 1, the mirror releases whatever the address became; killed after 2, the next
 * look finds it bound.
 */
export async function reconcilePod(pod: Pod, context: OperatorContext): Promise<Result> {
  for (const carried of nicsOf(pod, context.prefix)) await keepAddress(pod, carried, context);
  return {};
}

/** An address on an interface of a live pod, with the key that it has in the ledger once it is bound. */
interface Carried extends PodNic {
  readonly pod: Pod;
  readonly owner: Owner & { readonly uid: string };
  readonly key: string;
}

async function keepAddress(pod: Pod, { nic, mac }: PodNic, context: OperatorContext): Promise<void> {
  const { namespace = '', name, uid } = pod.metadata;
  const owner = { clusterId: context.clusterId, kind: 'Pod', namespace, name, uid, nic };
  const carried: Carried = { pod, nic, mac, owner, key: boundKey({ ...owner, mac }) };
  const row = await findRow(carried, context);
  if (row === undefined) return;
  const mirror = await ensureMirror({ pod, nic, mac, pool: row.pool, requester: row.requester }, context);
  const generation = row.key === carried.key ? row.generation : await bindAddress(carried, row, context);
  if (mirror === undefined) return;
  const status = boundStatus(mirror, { mac, generation, allocatedAt: row.allocatedAt }, context);
  await writeStatus(mirror, status, context.client);
}

/** The ledger's row of an address that is this pod's, after adopting it where nobody holds it; else `undefined`. */
async function findRow(carried: Carried, { ledger, actor, logger }: OperatorContext): Promise<AddressRow | undefined> {
  const { mac, key, owner, nic, pod } = carried;
  const row = await findByMac(ledger, mac);
  if (row !== undefined && (row.key === key || isPromisedTo(pod, owner, row))) return row;
  // Somebody put it there without us: a manifest, or a pod that is older than the installation.
  const item = { mac, key, owner, requester: actor, reason: 'seen on a live pod' };
  const [adopted] = await adopt(ledger, [item], actor);
  if (adopted?.outcome === 'held' || adopted?.outcome === 'adopted') return await findByMac(ledger, mac);
  logger.warn({ pod: keyOf(pod), nic, mac, outcome: adopted?.outcome }, 'address on a pod is not its own');
  return undefined;
}

/** Hands the address over from the question of the admission to the stored object. Answers its generation. */
async function bindAddress(
  carried: Carried,
  row: AddressRow,
  { ledger, actor, logger }: OperatorContext,
): Promise<number> {
  const { mac, key, owner, nic, pod } = carried;
  const [bound] = await bind(ledger, [{ mac, key: row.key, boundKey: key, owner }], actor);
  if (bound?.outcome !== 'bound')
    throw new Error(`${mac} could not be bound to its pod: ${bound?.outcome ?? 'no answer'}`);
  logger.info({ pod: keyOf(pod), nic, mac, pool: row.pool }, 'address bound');
  return bound.generation;
}

/**
 * Whether the ledger handed the address out for this very object: by its name, or by the lease id that the webhook wrote
 * into it. Also when the lease has run out meanwhile: binding then brings the address back, unless somebody else has it.
 */
function isPromisedTo(pod: Pod, owner: Owner, row: AddressRow): boolean {
  if (row.state === 'active' || row.state === 'reserved') return false;
  if (row.owner?.clusterId !== owner.clusterId || row.owner.kind !== owner.kind) return false;
  if (row.owner.namespace !== owner.namespace || row.owner.nic !== owner.nic) return false;
  const lease = pod.metadata.annotations?.[ANNOTATIONS.lease];
  return row.owner.name === owner.name || (lease !== undefined && row.key === leaseKey(lease, owner.nic));
}

/** `undefined` where none can be made: a terminating namespace takes no new objects, and the ledger binds without it. */
async function ensureMirror(
  subject: Parameters<typeof newMirror>[0],
  { client, logger }: OperatorContext,
): Promise<MacAllocation | undefined> {
  const { namespace, name, uid } = subject.pod.metadata;
  const mirror = newMirror(subject);
  try {
    return await client.create(macAllocations, mirror);
  } catch (error) {
    if (isAlreadyExists(error)) {
      return await client.get(macAllocations, { namespace, name: mirrorName(name, uid, subject.nic) });
    }
    if (isForbidden(error) || isNotFound(error)) {
      logger.info({ namespace, pod: name }, 'no mirror: its namespace is being deleted');
      return undefined;
    }
    throw error;
  }
}
