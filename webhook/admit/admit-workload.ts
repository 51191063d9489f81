import type { MacPrefix } from '../../mac/mac-range.ts';
import { allocateForObject, type AllocationDeps } from '../allocate/allocate-for-object.ts';
import { networkNames, readNetworks } from '../plan/multus-target.ts';
import { planPod } from '../plan/plan-pod.ts';
import { planVm, planVmi } from '../plan/plan-vm.ts';
import type { Plan, Planned } from '../plan/plan.ts';
import type { PrimaryCni } from '../plan/primary-target.ts';
import { restorePod } from '../plan/restore-pod.ts';
import { malformed } from '../refuse/refusal.ts';
import type { AdmissionRequest, AdmissionResponse, Refusal } from '../server/admission-review.ts';
import type { NetworkSupport } from '../watch/networks.ts';
import type { AdmittedObject } from './admitted-object.ts';

export interface WorkloadAdmissionDeps {
  readonly prefix: MacPrefix;
  readonly primaryCni: PrimaryCni;
  /** Where Multus looks for a network that replaces the cluster's own. */
  readonly multusNamespace: string;
  readonly allocation: AllocationDeps;
  readonly supportOf: (networks: readonly string[]) => Promise<ReadonlyMap<string, NetworkSupport>>;
  readonly newLeaseId: () => string;
}

/** A review that holds an object of a known kind in a namespace. */
interface WorkloadReview {
  readonly request: AdmissionRequest;
  readonly object: NonNullable<AdmissionRequest['object']>;
  readonly namespace: string;
  readonly kind: AdmittedObject['kind'];
}

/**
 * Admits a pod, a virtual machine or a virtual machine instance: every interface that needs an address gets one. An object
 * whose addresses the ledger has not allocated by `deadline` (milliseconds since 1970) is refused.
 */
export async function admitWorkload(
  request: AdmissionRequest,
  deps: WorkloadAdmissionDeps,
  deadline: number,
): Promise<AdmissionResponse> {
  const { object, oldObject, namespace } = request;
  const kind = KINDS.find((known) => known === request.kind.kind);
  if (object?.metadata === undefined || namespace === undefined || kind === undefined) {
    return { allowed: false, refusal: malformed('The review holds no pod or virtual machine in a namespace.') };
  }
  if (kind === 'Pod' && oldObject !== null && oldObject !== undefined) {
    const { annotations } = object.metadata;
    const { multusNamespace, prefix } = deps;
    const options = { namespace, multusNamespace, prefix };
    const patch = restorePod(annotations, oldObject.metadata?.annotations ?? {}, options);
    return { allowed: true, patch };
  }
  const review = { request, object, namespace, kind };
  const planned = await planFor(review, deps);
  if (!planned.ok) return { allowed: false, refusal: planned.refusal };
  return await allocateFor(planned.plan, review, deps, deadline);
}

/**
 * Limits the interfaces of one object. More is a mistake or an attack. Each network is looked up, and each address is held
 * while the others are requested; a refusal would send all of them through the reuse delay.
 */
const MAX_INTERFACES = 64;

const KINDS = ['Pod', 'VirtualMachine', 'VirtualMachineInstance'] as const;

async function planFor(
  { request, object, namespace, kind }: WorkloadReview,
  { prefix, primaryCni, multusNamespace, supportOf }: WorkloadAdmissionDeps,
): Promise<Planned> {
  switch (kind) {
    case 'VirtualMachine':
      return planVm(object, request.oldObject ?? undefined, prefix);
    case 'VirtualMachineInstance':
      return planVmi(object, prefix);
    case 'Pod': {
      const annotations = object.metadata?.annotations;
      const read = readNetworks(annotations ?? {}, { namespace, multusNamespace });
      if (!read.ok) {
        return { ok: false, refusal: malformed(`${read.problem}.\nCorrect the annotation and create the pod again.`) };
      }
      const names = networkNames(read.networks);
      if (names.length > MAX_INTERFACES) return { ok: false, refusal: tooManyInterfaces(names.length) };
      const support = await supportOf(names);
      return planPod(annotations, read.networks, { prefix, primaryCni, support });
    }
  }
}

function tooManyInterfaces(count: number): Refusal {
  const cause = `${String(count)} interfaces of this object request an address, but ${String(MAX_INTERFACES)} is the limit.`;
  return malformed(`${cause}\nUse fewer interfaces.`);
}

async function allocateFor(
  { addressRequests, warnings, patch }: Plan,
  { request, object, namespace, kind }: WorkloadReview,
  deps: WorkloadAdmissionDeps,
  deadline: number,
): Promise<AdmissionResponse> {
  const count = addressRequests.length;
  if (count > MAX_INTERFACES) return { allowed: false, refusal: tooManyInterfaces(count) };
  if (request.dryRun === true) {
    const withNote = count === 0 ? warnings : [...warnings, 'rock-mac: a dry run allocates no addresses'];
    return { allowed: true, patch: patch([], undefined), warnings: withNote };
  }
  // The name is empty where the API server generates one (generateName).
  const name = request.name ?? object.metadata?.name ?? '';
  const leaseId = name === '' && count > 0 ? deps.newLeaseId() : undefined;
  const uid = request.oldObject?.metadata?.uid;
  const admitted: AdmittedObject = { kind, namespace, name, uid, leaseId, requester: request.userInfo };
  const result = await allocateForObject(addressRequests, admitted, deps.allocation, deadline);
  if (!result.ok) return { allowed: false, refusal: result.refusal };
  return { allowed: true, patch: patch(result.macs, leaseId), warnings };
}
