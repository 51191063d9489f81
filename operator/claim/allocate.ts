import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { toTime } from '../../kube/controller/timestamps.ts';
import type { AllocationOutcome, AllocationRequest } from '../../ledger/address/allocate.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { namespaceTerms } from '../live/namespace-terms.ts';
import { allocationRequestOf } from './ledger-items.ts';
import { publishStatus, type PublishStatusDeps } from './publish-status.ts';
import { decideByError, decideByOutcome, type HeldStatus, type ReadyDecision } from './status.ts';
import { takeOver, type TakeOverDeps } from './take-over.ts';

export type AllocateClaimDeps = PublishStatusDeps & TakeOverDeps & Pick<OperatorDeps, 'allocator'>;

/** How long one allocation may take before it fails and is retried. */
const ALLOCATE_DEADLINE_MS = 10_000;

/**
 * Allocates the address of a claim that has none, or takes it over from a claim that hands it over, and publishes the address or
 * the refusal.
 */
export async function allocateClaim(claim: MacAllocation, deps: AllocateClaimDeps): Promise<ReconcileResult> {
  const { pool, requestedMac } = claim.spec;
  const request = allocationRequestOf(claim, deps);
  if (request === undefined) {
    const decision: ReadyDecision = {
      ready: false,
      reason: 'RequestedMacOutOfRange',
      message: `No device can own the address ${requestedMac ?? ''} of spec.requestedMac. Create a new claim with a unicast address`,
    };
    await publishStatus(claim, decision, {}, deps);
    return undefined;
  }
  let result: AllocationOutcome | ReadyDecision;
  try {
    const terms = await namespaceTerms(claim.metadata.namespace ?? '', deps);
    result = await allocateOrTakeOver(claim, { ...request, ...terms }, deps);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const decision = decideByError(error);
    await publishStatus(claim, decision, {}, deps);
    if (decision.reason === 'InvalidSpec') return undefined;
    throw error;
  }
  const decision = 'ready' in result ? result : decideByOutcome(result, pool, requestedMac);
  const held = 'ready' in result ? {} : heldBy(result, deps);
  if (held.mac !== undefined) deps.logger.info({ claim: keyOf(claim), mac: held.mac, pool }, 'claim allocated');
  await publishStatus(claim, decision, held, deps);
  return decision.retryAfterMs === undefined ? undefined : { requeueAfterMs: decision.retryAfterMs };
}

async function allocateOrTakeOver(
  claim: MacAllocation,
  request: AllocationRequest,
  deps: AllocateClaimDeps,
): Promise<AllocationOutcome | ReadyDecision> {
  const outcome = await deps.allocator.allocate(request, { deadlineMs: ALLOCATE_DEADLINE_MS });
  if (outcome.outcome !== 'in_use') return outcome;
  return (await takeOver(claim, request, outcome.mac, deps)) ?? outcome;
}

function heldBy(outcome: AllocationOutcome, { clusterId, now }: Pick<OperatorDeps, 'clusterId' | 'now'>): HeldStatus {
  if (outcome.outcome !== 'allocated' && outcome.outcome !== 'replayed') return {};
  return {
    mac: outcome.mac,
    allocatedAt: toTime(now()),
    ...(outcome.expiresAt !== undefined && { expiresAt: toTime(outcome.expiresAt) }),
    ledger: { generation: outcome.generation, clusterId },
  };
}
