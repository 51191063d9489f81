import type { AllocationRequest } from '../ledger/allocate.ts';
import type { Allocator } from '../ledger/allocator.ts';
import { LedgerError } from '../ledger/errors.ts';
import { admissionKey, leaseKey } from '../ledger/holder-key.ts';
import type { Owner } from '../ledger/owner.ts';
import type { MacAddress } from '../mac/mac-address.ts';
import type { MacPrefix } from '../mac/mac-range.ts';
import type { AdmissionRequest, Answer } from './admission-review.ts';
import { explainOutcome, type LedgerAnswer } from './explain-outcome.ts';
import { planPod, type PlannedNic } from './plan-pod.ts';
import { malformed } from './refusals.ts';

export interface PodAdmission {
  readonly allocator: Allocator;
  /** Gives back what was handed out for a pod that is then refused. */
  readonly giveBack: (outcomes: readonly Held[]) => Promise<void>;
  readonly clusterId: string;
  readonly prefix: MacPrefix;
  /** The pool that pods of this cluster get addresses from. */
  readonly pool: string;
  /** How long the ledger may take, in milliseconds: less than the 5 s after which the API server hangs up. */
  readonly budgetMs: number;
  readonly newLeaseId: () => string;
}

/** An address that this admission got from the ledger, with what a release is compared with. */
export interface Held {
  readonly key: string;
  readonly mac: MacAddress;
  readonly generation: number;
}

/** Answers the CREATE of a pod: an address for each interface that wants one, or a refusal and nothing held. */
export async function admitPod(request: AdmissionRequest, admission: PodAdmission): Promise<Answer> {
  const { object, namespace } = request;
  if (object?.metadata === undefined || namespace === undefined) {
    return { allowed: false, refusal: malformed('The review holds no pod in a namespace.') };
  }
  const planned = planPod({ namespace, annotations: object.metadata.annotations ?? {} }, admission.prefix);
  if (!planned.ok) return { allowed: false, refusal: planned.refusal };
  const { plan } = planned;
  if (request.dryRun === true) {
    return { allowed: true, warnings: [...plan.warnings, 'rock-mac: a dry run hands out no addresses'] };
  }

  // The name is empty where the API server will make one (generateName): then nothing of the object is known that a
  // second call could repeat, and the lease id ties the stored object to this answer.
  const name = request.name ?? object.metadata.name ?? '';
  const leaseId = name === '' && plan.nics.length > 0 ? admission.newLeaseId() : undefined;
  const requests = plan.nics.map((nic) => allocationRequest(nic, { namespace, name, leaseId }, request, admission));
  const outcomes = await Promise.all(requests.map((each) => ask(each, admission)));
  const refused = outcomes.findIndex((outcome) => !isHeld(outcome));
  const problem = outcomes[refused];
  if (problem !== undefined) {
    await admission.giveBack(
      outcomes.flatMap((outcome, index) => {
        const key = requests[index]?.key;
        // What was replayed belongs to an earlier admission of the same object, which may be stored by now.
        return outcome.outcome === 'allocated' && key !== undefined
          ? [{ key, mac: outcome.mac, generation: outcome.generation }]
          : [];
      }),
    );
    return { allowed: false, refusal: explainOutcome(problem, plan.nics[refused], admission.pool) };
  }
  const macs = outcomes.filter(isHeld).map(({ mac }) => mac);
  return { allowed: true, patch: plan.patch(macs, leaseId), warnings: plan.warnings };
}

function allocationRequest(
  nic: PlannedNic,
  pod: { readonly namespace: string; readonly name: string; readonly leaseId: string | undefined },
  request: AdmissionRequest,
  { clusterId, pool }: PodAdmission,
): AllocationRequest {
  const { namespace, name, leaseId } = pod;
  const owner: Owner = { clusterId, kind: 'Pod', namespace, name, nic: nic.nic };
  const wish = nic.requested === undefined ? {} : { requested: nic.requested };
  return {
    key: leaseId === undefined ? admissionKey({ ...owner, pool, ...wish }) : leaseKey(leaseId, nic.nic),
    pool,
    ...wish,
    state: 'pending',
    owner,
    requester: request.userInfo.username,
    actor: request.userInfo.username,
    reason: 'admission',
  };
}

/** One failing request must not hide the answers of the others: what those got has to be given back. */
async function ask(request: AllocationRequest, { allocator, budgetMs }: PodAdmission): Promise<LedgerAnswer> {
  try {
    return await allocator.allocate(request, { deadlineMs: budgetMs });
  } catch (error) {
    if (error instanceof LedgerError) return { outcome: 'ledger_error', message: error.message };
    throw error;
  }
}

type HeldAnswer = Extract<LedgerAnswer, { outcome: 'allocated' | 'replayed' }>;

function isHeld(answer: LedgerAnswer): answer is HeldAnswer {
  return answer.outcome === 'allocated' || answer.outcome === 'replayed';
}
