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
import type { Carrier, CarrierKind } from './workload.ts';
import type { OperatorContext } from '../dependencies.ts';
import { mirrorName, newMirror, type MirrorSubject } from '../mirror/mirror.ts';
import { boundStatus } from '../mirror/status.ts';
import { liveKey, relationOf, type LiveAddress } from './classify.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';

/** What a reconcile of a carrier needs beside the object. */
export interface CarrierWorld {
  /** The copy of a MacAllocation, by `namespace/name`. */
  readonly allocation: (key: string) => MacAllocation | undefined;
  /** To be called when the consumer of a claim has changed in the ledger. */
  readonly claimChanged: (claim: Owner) => void;
  /** To be called when the address that it carries is somebody else's. */
  readonly conflict: (carrier: Carrier, kind: CarrierKind, address: LiveAddress, row: AddressRow) => void;
}

/** One address on one interface, on its way through the steps. */
interface Carried extends LiveAddress {
  readonly carrier: Carrier;
  readonly kind: CarrierKind;
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
export async function reconcileCarrier(
  carrier: Carrier,
  kind: CarrierKind,
  world: CarrierWorld,
  context: OperatorContext,
): Promise<Result> {
  let contested = false;
  for (const address of liveAddresses(carrier, kind, context)) {
    contested = (await keepAddress({ ...address, carrier, kind }, world, context)) === 'contested' || contested;
  }
  return contested ? { requeueAfterMs: CONFLICT_RETRY_MS } : undefined;
}

/** What a stored object carries and owns, as the ledger would name it. */
export function liveAddresses(
  { metadata: { namespace = '', name, uid }, nics, lease }: Carrier,
  { resource }: CarrierKind,
  { clusterId }: Pick<OperatorContext, 'clusterId'>,
): readonly LiveAddress[] {
  return nics.map(({ nic, mac }) => ({
    mac,
    owner: { clusterId, kind: resource.kind, namespace, name, uid, nic },
    lease,
    alsoOn: nics.flatMap((other) => (other.mac === mac && other.nic !== nic ? other.nic : [])),
  }));
}

async function keepAddress(
  carried: Carried,
  world: CarrierWorld,
  context: OperatorContext,
): Promise<'kept' | 'contested'> {
  const found = await findByMac(context.ledger, carried.mac);
  switch (relationOf(carried, found)) {
    case 'own':
    case 'promised':
      if (found !== undefined) await mirrorAndBind(carried, found, world, context);
      return 'kept';
    case 'moved':
      // It stays bound to the interface that it was given to: an owner is told by its uid.
      if (found?.owner !== undefined) await mirrorAndBind(onInterface(carried, found.owner.nic), found, world, context);
      return 'kept';
    case 'free':
      return await adoptFound(carried, world, context);
    case 'claimed':
      return found === undefined ? 'kept' : await consume(carried, found, world, context);
    case 'parent':
      return 'kept';
    case 'conflict':
      if (found !== undefined) world.conflict(carried.carrier, carried.kind, carried, found);
      return 'contested';
  }
}

function onInterface(carried: Carried, nic: string): Carried {
  return { ...carried, owner: { ...carried.owner, nic } };
}

/** Somebody put it there without us: a manifest, or an object that is older than the installation. */
async function adoptFound(
  carried: Carried,
  world: CarrierWorld,
  context: OperatorContext,
): Promise<'kept' | 'contested'> {
  const { ledger, actor, logger } = context;
  const { mac, owner } = carried;
  if (!(await isStillThere(carried, context))) return 'kept';
  const item = { mac, key: liveKey(carried), owner, requester: actor, reason: 'seen on a live object' };
  const [adopted] = await adopt(ledger, [item], actor);
  const row = await findByMac(ledger, mac);
  if (adopted?.outcome === 'adopted' || adopted?.outcome === 'held') {
    logger.info({ ...describe(carried) }, 'address adopted');
    if (row !== undefined) await mirrorAndBind(carried, row, world, context);
    return 'kept';
  }
  logger.info({ ...describe(carried), outcome: adopted?.outcome }, 'address on a live object cannot be adopted');
  // Another took it between the two statements; the next look sees who. What is in no pool is nobody's.
  return adopted?.outcome === 'conflict' ? 'contested' : 'kept';
}

async function mirrorAndBind(
  carried: Carried,
  row: AddressRow,
  world: CarrierWorld,
  context: OperatorContext,
): Promise<void> {
  const { carrier, kind, mac, owner } = carried;
  const subject = { carrier, kind, nic: owner.nic, mac, pool: row.pool, requester: row.requester };
  const mirror = await ensureMirror(subject, world, context);
  const generation = row.key === liveKey(carried) ? row.generation : await bindAddress(carried, row, context);
  if (mirror === undefined) return;
  const status = boundStatus(mirror, { mac, generation, allocatedAt: row.allocatedAt }, context);
  await writeStatus(macAllocations, mirror, status, context.client);
}

/**
 * Before something that was given up is taken again: each kind has a watch of its own, and the news that an object is gone
 * may come after the news that its mirror is. To adopt for the dead would be undone, but it would be in the audit.
 */
function isStillThere({ kind, owner, mac }: Carried, { client }: OperatorContext): Promise<boolean> {
  return kind.stillCarries({ ...owner, mac }, client);
}

/** Hands the address over from the question of the admission to the stored object. Answers its generation. */
async function bindAddress(
  carried: Carried,
  row: AddressRow,
  { ledger, actor, logger }: OperatorContext,
): Promise<number> {
  const { mac, owner } = carried;
  const [bound] = await bind(ledger, [{ mac, key: row.key, boundKey: liveKey(carried), owner }], actor);
  if (bound?.outcome !== 'bound')
    throw new Error(`${mac} could not be bound to its object: ${bound?.outcome ?? 'no answer'}`);
  logger.info({ ...describe(carried), pool: row.pool }, 'address bound');
  return bound.generation;
}

/** The address is a claim's: the object is written down as the one that uses it, and the claim shows that. */
async function consume(
  carried: Carried,
  row: AddressRow,
  world: CarrierWorld,
  context: OperatorContext,
): Promise<'kept' | 'contested'> {
  const { ledger, actor, logger } = context;
  if (row.consumer?.key !== liveKey(carried) || row.consumer.expiresAt !== undefined) {
    if (!(await isStillThere(carried, context))) return 'kept';
    const [taken] = await takeConsumer(ledger, [consumerItem(carried, row)], { actor });
    if (taken?.outcome !== 'taken') return 'contested';
    logger.info({ ...describe(carried), claim: row.owner?.name }, 'claim is used');
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
  world: CarrierWorld,
  { client, logger }: OperatorContext,
): Promise<MacAllocation | undefined> {
  const { namespace } = subject.carrier.metadata;
  const key = { namespace, name: mirrorName(subject) };
  const known = world.allocation(keyOf({ metadata: key }));
  if (known !== undefined && known.metadata.deletionTimestamp === undefined) return asMirrorOf(subject, known);
  try {
    return await client.create(macAllocations, newMirror(subject));
  } catch (error) {
    if (isAlreadyExists(error)) return asMirrorOf(subject, await client.get(macAllocations, key));
    if (isNotFound(error) || isNamespaceTerminating(error)) {
      logger.info({ ...key, carrier: subject.carrier.metadata.name }, 'no mirror: its namespace is being deleted');
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
function asMirrorOf({ carrier }: MirrorSubject, found: MacAllocation): MacAllocation | undefined {
  return found.spec.consumerRef?.uid === carrier.metadata.uid ? found : undefined;
}

function describe({ owner: { kind, namespace, name, nic }, mac }: LiveAddress) {
  return { kind, namespace, name, nic, mac };
}
