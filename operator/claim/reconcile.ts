import { parseDuration } from '../../api/duration.ts';
import type { ConsumerRef } from '../../api/mac-allocation.ts';
import { ANNOTATIONS, RELEASE_FINALIZER } from '../../api/names.ts';
import { toTime } from '../../kube/controller/conditions.ts';
import type { Result } from '../../kube/controller/controller.ts';
import { addFinalizer } from '../../kube/client/json-patch.ts';
import { keyOf } from '../../kube/client/objects.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { AllocationOutcome, AllocationRequest } from '../../ledger/address/allocate.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { findByHolderKey, findByMac } from '../../ledger/address/find.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { ledgerTime } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { renew } from '../../ledger/address/renew.ts';
import { parseMac } from '../../mac/mac-address.ts';
import { claimItem } from '../resync/report-addresses-in-use.ts';
import { currentConsumer } from './consumer.ts';
import {
  decideBlocked,
  decideAllocated,
  decideByError,
  decideByOutcome,
  statusAfter,
  type HeldStatus,
  type ReadyDecision,
} from './status.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { dropFinalizer } from '../allocation/drop-finalizer.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { recordReady } from './record-ready.ts';
import { releaseClaim } from './release.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';

/** How soon a claim is looked at again whose consumer holds up its end. Its going is news too; this is the second way. */
export const BLOCKED_RETRY_MS = 10_000;

/**
 * Keeps a claim: a MacAllocation that a person, a script or Git made. Watches MacAllocations without a consumerRef, and is
 * called when a consumer comes or goes and when an expiry is over; sets their finalizer and their status.
 *
 * The order makes every crash harmless: 1. finalizer stored, 2. ledger written, 3. status written. Killed after 1, the
 * claim is allocated at the next look; after 2, the same key (the claim's uid) gets the same address again.
 * On deletion: 1. ledger released, 2. finalizer dropped; killed between them, the release answers that it is done.
 * On expiry: 1. ledger released, 2. status written, 3. object deleted; killed between them, the next look goes on.
 */
export async function reconcileClaim(claim: MacAllocation, context: OperatorDeps): Promise<Result> {
  const { deletionTimestamp, finalizers, namespace, name } = claim.metadata;
  const guarded = finalizers?.includes(RELEASE_FINALIZER) === true;
  if (deletionTimestamp !== undefined) return guarded ? await releaseDeleting(claim, context) : undefined;
  if (!guarded) {
    // The stored change comes back as a watch event; only then is an address asked for. A deletion that was under way when
    // it was stored still wins: see releaseDepartedClaim.
    const body = addFinalizer(claim, RELEASE_FINALIZER);
    await context.client.patch(macAllocations, { namespace, name }, { type: 'json', body });
    return undefined;
  }
  return claim.status?.mac === undefined ? await allocate(claim, context) : await keep(claim, context);
}

async function allocate(claim: MacAllocation, context: OperatorDeps): Promise<Result> {
  const { pool, requestedMac } = claim.spec;
  const request = requestFor(claim, context);
  if (request === undefined) {
    const decision: ReadyDecision = {
      ready: false,
      reason: 'RequestedMacOutOfRange',
      message: `requestedMac ${requestedMac ?? ''} cannot be owned by a device: create a new claim with a unicast address`,
    };
    await publish(claim, decision, {}, context);
    return undefined;
  }
  let outcome: AllocationOutcome;
  try {
    outcome = await context.allocator.allocate(request, { deadlineMs: 10_000 });
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const decision = decideByError(error);
    await publish(claim, decision, {}, context);
    if (decision.reason === 'InvalidSpec') return undefined;
    throw error;
  }
  const decision = decideByOutcome(outcome, pool, requestedMac);
  const held = heldBy(outcome, context);
  if (held.mac !== undefined) context.logger.info({ claim: keyOf(claim), mac: held.mac, pool }, 'claim allocated');
  await publish(claim, decision, held, context);
  return decision.retryAfterMs === undefined ? undefined : { requeueAfterMs: decision.retryAfterMs };
}

/** `undefined` where the requested address is none that a device may own. */
function requestFor(claim: MacAllocation, { clusterId, actor }: OperatorDeps): AllocationRequest | undefined {
  const { pool, requestedMac, reserved = false, device, attributes, requester } = claim.spec;
  const { namespace = '', name, uid } = claim.metadata;
  const parsed = requestedMac === undefined ? undefined : parseMac(requestedMac);
  if (parsed?.ok === false) return undefined;
  return {
    key: claimKey({ clusterId, uid }),
    pool,
    requested: parsed?.mac,
    state: reserved ? 'reserved' : 'active',
    owner: { clusterId, kind: 'MacAllocation', namespace, name, uid, nic: '' },
    device,
    metadata: attributes,
    ttlSeconds: ttlOf(claim),
    requester: requester?.username ?? `MacAllocation ${namespace}/${name}`,
    actor,
    reason: 'claim',
  };
}

/** What is reserved never expires. */
function ttlOf({ spec: { reserved = false, expiresAfter } }: MacAllocation): number | undefined {
  return reserved || expiresAfter === undefined ? undefined : parseDuration(expiresAfter);
}

function heldBy(outcome: AllocationOutcome, { clusterId, now }: OperatorDeps): HeldStatus {
  if (outcome.outcome !== 'allocated' && outcome.outcome !== 'replayed') return {};
  return {
    mac: outcome.mac,
    allocatedAt: toTime(now()),
    ...(outcome.expiresAt !== undefined && { expiresAt: toTime(outcome.expiresAt) }),
    ledger: { generation: outcome.generation, clusterId },
  };
}

/** A claim that has its address: its expiry and its consumer are brought up to date. */
async function keep(claim: MacAllocation, context: OperatorDeps): Promise<Result> {
  const { ledger, clusterId } = context;
  const row = await findByHolderKey(ledger, claimKey({ clusterId, uid: claim.metadata.uid }));
  if (row === undefined) return await recall(claim, context);
  const expiresAt = isRenewed(claim) ? await renewed(claim, row, context) : row.expiresAt;
  if (expiresAt !== undefined && expiresAt < (await ledgerTime(ledger))) return await expire(claim, row, context);
  const consumer = await currentConsumer(row, context);
  const held: HeldStatus = {
    ...(expiresAt !== undefined && { expiresAt: toTime(expiresAt) }),
    ledger: { generation: row.generation, clusterId },
  };
  await publish(claim, decideAllocated(row.mac, expiresAt), held, context, consumer.ref);
  // One that admission has named and nobody has seen yet: the end of its lease changes that.
  return undefined;
}

/** Only `renewedAt` can change in a spec, so that a generation which was not acted on yet is a renewal. */
function isRenewed({ metadata: { generation = 0 }, spec, status }: MacAllocation): boolean {
  return spec.renewedAt !== undefined && (status?.observedGeneration ?? 0) < generation;
}

/** The ledger's clock decides, and not `renewedAt`, which its author could set to any time. */
async function renewed(
  claim: MacAllocation,
  row: AddressRow,
  { ledger, logger }: OperatorDeps,
): Promise<Date | undefined> {
  if (row.expiresAt === undefined) return undefined;
  const [answer] = await renew(ledger, [{ ...row, ttlSeconds: ttlOf(claim) }]);
  if (answer?.outcome !== 'renewed') return row.expiresAt;
  logger.info({ claim: keyOf(claim), mac: row.mac, expiresAt: answer.expiresAt }, 'claim renewed');
  return answer.expiresAt;
}

/**
 * The ledger has nothing for a claim that has an address. Either it expired and the operator died before it could say so,
 * or the ledger forgot it, or somebody released it by force: then the claim, which is still there, takes it again.
 */
async function recall(claim: MacAllocation, context: OperatorDeps): Promise<Result> {
  const { ledger, actor, logger } = context;
  const [item] = claimItem(claim, 'its claim is still there', context);
  if (item === undefined) return undefined;
  const row = await findByMac(ledger, item.mac);
  const isSpent = row?.key === item.key && row.reason === EXPIRED;
  if (isSpent && ttlOf(claim) !== undefined) return await endExpired(claim, context);
  // Our copy may be older than its end.
  const { namespace, name, uid } = claim.metadata;
  const live = await getOrUndefined(macAllocations, { namespace, name }, context.client);
  if (live?.metadata.uid !== uid || live.metadata.deletionTimestamp !== undefined) return undefined;
  const [answer] = await adopt(ledger, [item], actor);
  const outcome = answer?.outcome;
  logger.warn({ claim: keyOf(claim), mac: item.mac, outcome }, 'the ledger did not know the address of a claim');
  // Held by another: the resync shows it as a conflict.
  return { requeueAfterMs: outcome === 'adopted' || outcome === 'held' ? 0 : BLOCKED_RETRY_MS };
}

/** The reason in the ledger by which an expiry is known again after a crash. */
const EXPIRED = 'expired';

async function expire(claim: MacAllocation, row: AddressRow, context: OperatorDeps): Promise<Result> {
  const { ledger, actor, logger } = context;
  const consumer = await currentConsumer(row, context);
  if (consumer.inUse) {
    await publish(claim, decideBlocked('expired', consumer.name), {}, context, consumer.ref);
    return { requeueAfterMs: BLOCKED_RETRY_MS };
  }
  const [answer] = await release(ledger, [row], { actor, reason: EXPIRED });
  logger.info({ claim: keyOf(claim), mac: row.mac, outcome: answer?.outcome }, 'claim expired');
  if (answer?.outcome !== 'released' && answer?.outcome !== 'already_released')
    return { requeueAfterMs: BLOCKED_RETRY_MS };
  context.metrics.released('expired');
  return await endExpired(claim, context);
}

async function endExpired(claim: MacAllocation, context: OperatorDeps): Promise<Result> {
  const { namespace, name, uid } = claim.metadata;
  const message = 'The claim was not renewed in time: its address is released. Create a new claim to get another';
  await publish(claim, { ready: false, reason: 'Expired', message }, {}, context);
  await context.client.delete(macAllocations, { namespace, name }, { uid });
  return undefined;
}

/** The deletion of a claim, which waits for its consumer and for the ledger. */
async function releaseDeleting(claim: MacAllocation, context: OperatorDeps): Promise<Result> {
  try {
    const force = claim.metadata.annotations?.[ANNOTATIONS.forceRelease] === 'true';
    const { outcome, consumer } = await releaseClaim(claim.metadata.uid, { force, reason: 'claim deleted' }, context);
    if (consumer?.inUse === true) {
      await publish(claim, decideBlocked('deleted', consumer.name), {}, context, consumer.ref);
      return { requeueAfterMs: BLOCKED_RETRY_MS };
    }
    if (outcome === 'has_consumer') return { requeueAfterMs: 0 };
    context.logger.info({ claim: keyOf(claim), mac: claim.status?.mac, outcome }, 'claim released');
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const message = `The release waits for the ledger (${error.code}); without the ledger for good, see docs/operations.md`;
    await publish(claim, { ready: false, reason: 'Releasing', message }, {}, context);
    throw error;
  }
  await dropFinalizer(claim, context.client);
  return undefined;
}

async function publish(
  claim: MacAllocation,
  decision: ReadyDecision,
  held: HeldStatus,
  context: OperatorDeps,
  consumer?: ConsumerRef,
): Promise<void> {
  const status = statusAfter(claim, decision, { held, consumer }, context.now());
  await writeStatus(macAllocations, claim, status, context.client);
  recordReady(claim, decision, context);
}
