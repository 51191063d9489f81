import type { MacAllocationStatus } from '../api/mac-allocation.ts';
import { ANNOTATIONS, RELEASE_FINALIZER } from '../api/names.ts';
import { parseDuration } from '../api/duration.ts';
import { toTime } from '../kube/conditions.ts';
import type { Result } from '../kube/controller.ts';
import { addFinalizer } from '../kube/json-patch.ts';
import type { AllocationOutcome, AllocationRequest } from '../ledger/allocate.ts';
import { LedgerError } from '../ledger/errors.ts';
import { claimKey } from '../ledger/holder-key.ts';
import { parseMac } from '../mac/mac-address.ts';
import { judgeOutcome, statusAfter, type Verdict } from './claim-status.ts';
import type { OperatorContext } from './context.ts';
import { releaseHolder } from './release-holder.ts';
import { macAllocations, type MacAllocation } from './resources.ts';
import { dropFinalizer, writeStatus } from './write-allocation.ts';

/**
 * Keeps a claim: a MacAllocation that a person, a script or Git made. Watches MacAllocations without a consumerRef;
 * sets their finalizer and their status.
 *
 * The order makes every crash harmless: 1. finalizer stored, 2. ledger written, 3. status written. Killed after 1, the
 * claim is allocated at the next look; after 2, the same key (the claim's uid) gets the same address again.
 * On deletion: 1. ledger released, 2. finalizer dropped; killed between them, the release answers that it is done.
 */
export async function reconcileClaim(claim: MacAllocation, context: OperatorContext): Promise<Result> {
  const { deletionTimestamp, finalizers } = claim.metadata;
  const guarded = finalizers?.includes(RELEASE_FINALIZER) === true;
  if (deletionTimestamp !== undefined) {
    if (guarded) await giveBack(claim, context);
    return {};
  }
  if (!guarded) {
    // The stored change comes back as a watch event; only then is it certain that no address can be forgotten.
    await context.client.patch(macAllocations, keyOf(claim), {
      type: 'json',
      body: addFinalizer(claim, RELEASE_FINALIZER),
    });
    return {};
  }
  if (claim.status?.mac !== undefined) return {};
  return await allocate(claim, context);
}

async function allocate(claim: MacAllocation, context: OperatorContext): Promise<Result> {
  const { pool, requestedMac } = claim.spec;
  const request = requestFor(claim, context);
  if (request === undefined) {
    const verdict: Verdict = {
      ready: false,
      reason: 'RequestedMacOutOfRange',
      message: `requestedMac ${requestedMac ?? ''} cannot be owned by a device: create a new claim with a unicast address`,
    };
    await publish(claim, verdict, {}, context);
    return {};
  }
  let outcome: AllocationOutcome;
  try {
    outcome = await context.allocator.allocate(request, { deadlineMs: 10_000 });
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    await publish(claim, { ready: false, reason: 'LedgerUnavailable', message: error.message }, {}, context);
    throw error;
  }
  const verdict = judgeOutcome(outcome, pool, requestedMac);
  const held = heldBy(outcome, context);
  if (held.mac !== undefined) context.logger.info({ claim: keyOf(claim), mac: held.mac, pool }, 'claim allocated');
  await publish(claim, verdict, held, context);
  return verdict.retryAfterMs === undefined ? {} : { requeueAfterMs: verdict.retryAfterMs };
}

/** `undefined` where the requested address is none that a device may own. */
function requestFor(claim: MacAllocation, { clusterId, actor }: OperatorContext): AllocationRequest | undefined {
  const { pool, requestedMac, reserved = false, device, attributes, expiresAfter } = claim.spec;
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
    // What is reserved never expires.
    ttlSeconds: reserved || expiresAfter === undefined ? undefined : parseDuration(expiresAfter),
    requester: `MacAllocation ${namespace}/${name}`,
    actor,
    reason: 'claim',
  };
}

function heldBy(
  outcome: AllocationOutcome,
  { clusterId, now }: OperatorContext,
): Pick<MacAllocationStatus, 'mac' | 'allocatedAt' | 'expiresAt' | 'ledger'> {
  if (outcome.outcome !== 'allocated' && outcome.outcome !== 'replayed') return {};
  return {
    mac: outcome.mac,
    allocatedAt: toTime(now()),
    ...(outcome.expiresAt !== undefined && { expiresAt: toTime(outcome.expiresAt) }),
    ledger: { generation: outcome.generation, clusterId },
  };
}

async function giveBack(claim: MacAllocation, context: OperatorContext): Promise<void> {
  const key = claimKey({ clusterId: context.clusterId, uid: claim.metadata.uid });
  // A reserved address outlives its claim unless this is asked for: the ledger then answers needs_force.
  const force = claim.metadata.annotations?.[ANNOTATIONS.forceRelease] === 'true';
  const outcome = await releaseHolder(key, { force, reason: 'claim deleted' }, context);
  context.logger.info({ claim: keyOf(claim), mac: claim.status?.mac, outcome }, 'claim released');
  await dropFinalizer(claim, context.client);
}

async function publish(
  claim: MacAllocation,
  verdict: Verdict,
  held: Parameters<typeof statusAfter>[2],
  { client, now }: OperatorContext,
): Promise<void> {
  await writeStatus(claim, statusAfter(claim, verdict, held, now()), client);
}

function keyOf({ metadata: { namespace, name } }: MacAllocation) {
  return { namespace, name };
}
