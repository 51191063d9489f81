import type { MacPrefix } from '../../mac/mac-range.ts';
import type { AdmissionRequest, AdmissionResponse, Refusal } from '../server/admission-review.ts';
import { networkNames, readNetworks } from '../plan/multus-target.ts';
import type { NetworkSupport } from '../watch/networks.ts';
import { allocateForObject, type AllocationDeps, type Subject } from '../allocate/allocate-for-object.ts';
import type { Plan, Planned } from '../plan/plan.ts';
import { planPod } from '../plan/plan-pod.ts';
import { planVm, planVmi } from '../plan/plan-vm.ts';
import type { PrimaryCni } from '../plan/primary-target.ts';
import { malformed } from '../refuse/refusal.ts';
import { restorePod } from '../plan/restore-pod.ts';

export interface WorkloadAdmission {
  readonly prefix: MacPrefix;
  readonly primaryCni: PrimaryCni;
  /** Where Multus looks for the network in the place of the cluster's own. */
  readonly multusNamespace: string;
  readonly allocation: AllocationDeps;
  readonly supportOf: (networks: readonly string[]) => Promise<ReadonlyMap<string, NetworkSupport>>;
  readonly newLeaseId: () => string;
}

/** What is known of a review once it is clear that it holds an object in a namespace. */
interface Incoming {
  readonly request: AdmissionRequest;
  readonly object: NonNullable<AdmissionRequest['object']>;
  readonly namespace: string;
  readonly kind: Subject['kind'];
  readonly until: number;
}

/**
 * Answers for a pod, a virtual machine or an instance of one: an address for each interface that wants one. What the ledger
 * has not answered at `until` (milliseconds since 1970) is refused.
 */
export async function admitWorkload(
  request: AdmissionRequest,
  admission: WorkloadAdmission,
  until: number,
): Promise<AdmissionResponse> {
  const { object, oldObject, namespace } = request;
  const kind = KINDS.find((known) => known === request.kind.kind);
  if (object?.metadata === undefined || namespace === undefined || kind === undefined) {
    return { allowed: false, refusal: malformed('The review holds no pod or virtual machine in a namespace.') };
  }
  const { prefix, multusNamespace } = admission;
  if (kind === 'Pod' && oldObject !== null && oldObject !== undefined) {
    const { annotations } = object.metadata;
    const patch = restorePod(annotations, oldObject.metadata?.annotations ?? {}, {
      namespace,
      multusNamespace,
      prefix,
    });
    return { allowed: true, patch };
  }
  const incoming = { request, object, namespace, kind, until };
  const planned = await planFor(incoming, admission);
  return planned.ok ? await answer(planned.plan, incoming, admission) : { allowed: false, refusal: planned.refusal };
}

/**
 * Interfaces of one object. More is a mistake or an attack: each network is looked up, and each address is held while the
 * others are asked for; a refusal would send them all through the reuse delay.
 */
const MOST_INTERFACES = 64;

const KINDS = ['Pod', 'VirtualMachine', 'VirtualMachineInstance'] as const;

async function planFor(
  { request, object, namespace, kind }: Incoming,
  { prefix, primaryCni, multusNamespace, supportOf }: WorkloadAdmission,
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
      if (names.length > MOST_INTERFACES) return { ok: false, refusal: tooMany(names.length) };
      const support = await supportOf(names);
      return planPod(annotations, read.networks, { prefix, primaryCni, support });
    }
  }
}

function tooMany(interfaces: number): Refusal {
  const count = `${String(interfaces)} interfaces of this object want an address`;
  return malformed(`${count}; ${String(MOST_INTERFACES)} is the most.\nAsk for fewer.`);
}

async function answer(plan: Plan, incoming: Incoming, admission: WorkloadAdmission): Promise<AdmissionResponse> {
  const { request, object, namespace, kind, until } = incoming;
  const { nics, warnings } = plan;
  if (nics.length > MOST_INTERFACES) return { allowed: false, refusal: tooMany(nics.length) };
  if (request.dryRun === true) {
    const told = nics.length === 0 ? warnings : [...warnings, 'rock-mac: a dry run hands out no addresses'];
    return { allowed: true, patch: plan.patch([], undefined), warnings: told };
  }
  // The name is empty where the API server will make one (generateName).
  const name = request.name ?? object.metadata?.name ?? '';
  const leaseId = name === '' && nics.length > 0 ? admission.newLeaseId() : undefined;
  const uid = request.oldObject?.metadata?.uid;
  const subject: Subject = { kind, namespace, name, uid, leaseId, requester: request.userInfo };
  const obtained = await allocateForObject(nics, subject, admission.allocation, until);
  if (!obtained.ok) return { allowed: false, refusal: obtained.refusal };
  return { allowed: true, patch: plan.patch(obtained.macs, leaseId), warnings };
}
