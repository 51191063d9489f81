import { ANNOTATIONS, DRY_RUN_WARNING } from '../../api/names.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Prefixes } from '../../mac/mac-range.ts';
import { allocateForObject, type AllocationDeps } from '../allocate/allocate-for-object.ts';
import type { ReviewGate } from '../callers/review-gate.ts';
import { useClaimSet, type UseClaimSetDeps } from '../claims/use-claim-set.ts';
import { withClaimSelector } from '../plan/claim-selector.ts';
import { networkNames, readNetworks } from '../plan/multus-target.ts';
import type { AddressRequest, Plan, Planned } from '../plan/plan.ts';
import { planPod } from '../plan/plan-pod.ts';
import { planPodUpdate } from '../plan/plan-pod-update.ts';
import { planVm, planVmi, waitsAsReceiver } from '../plan/plan-vm.ts';
import type { PrimaryCni } from '../plan/primary-target.ts';
import { allowedPools, type MayUsePool, refusePools, usersOf } from '../pools/check-pool-use.ts';
import { findPools } from '../pools/find-pools.ts';
import type { AdmissionRefusal, AdmissionRequest, AdmissionResponse } from '../review/admission-review.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { leaseOfThisRequest } from '../review/lease-of-this-request.ts';
import { malformed } from '../review/refusal.ts';
import { ungatePatch } from '../scheduling-gate/gate-patch.ts';
import {
  isLedgerAway,
  isLift,
  type Requester,
  requesterOf,
  type SchedulingGateDeps,
  waitOrRefuse,
  waitWithoutAsking,
} from '../scheduling-gate/wait-for-ledger.ts';
import type { AnswerFromClaims } from '../sticky/answer-from-claims.ts';
import { decideSticky, type StickyCandidate } from '../sticky/decide-sticky.ts';
import { answerFromStock, type AnswerFromStockDeps } from '../stock/answer-from-stock.ts';
import type { NamespaceTerms } from '../watch/namespaces.ts';
import { type Networks, readOnce } from '../watch/networks.ts';
import { checkDuplicates, type CheckDuplicatesDeps } from './check-duplicates.ts';

export interface WorkloadAdmissionDeps {
  readonly gate: ReviewGate;
  /** The prefixes of the ledger. Written addresses of other prefixes are left alone. */
  readonly prefixes: () => Prefixes;
  readonly primaryCni: PrimaryCni;
  /** For OVN-Kubernetes: `namespace/name` of the definition of its own network. */
  readonly primaryNetwork: string;
  /** Where Multus looks for a network that replaces the cluster's own. */
  readonly multusNamespace: string;
  readonly allocation: AllocationDeps;
  readonly claimSets: UseClaimSetDeps;
  readonly schedulingGate: SchedulingGateDeps;
  readonly stock: AnswerFromStockDeps;
  readonly duplicates: CheckDuplicatesDeps;
  /** Answers while the ledger is away. */
  readonly answerFromClaims: AnswerFromClaims;
  readonly findNetworks: Networks['find'];
  readonly mayUsePool: MayUsePool;
  readonly newLeaseId: () => string;
}

/** A review that holds an object of a known kind in a namespace. */
interface WorkloadReview {
  readonly request: AdmissionRequest;
  readonly object: NonNullable<AdmissionRequest['object']>;
  readonly namespace: string;
  readonly kind: AdmittedObject['kind'];
  /** The pools that its annotations name and that it may use. */
  readonly pools?: readonly string[] | undefined;
}

/**
 * Admits a pod, a virtual machine or a virtual machine instance: every interface that needs an address gets one. If the ledger
 * has not allocated them by `deadline` (milliseconds since 1970), sticky claims may answer. Without them a pod may wait with a
 * scheduling gate, and every other object is refused. An update that removes that gate is admitted like a new pod.
 */
export async function admitWorkload(
  request: AdmissionRequest,
  allDeps: WorkloadAdmissionDeps,
  deadline: number,
): Promise<AdmissionResponse> {
  const deps = { ...allDeps, findNetworks: readOnce(allDeps.findNetworks) };
  const review = readReview(request);
  if (review === undefined) {
    return { allowed: false, refusal: malformed('The review holds no pod or virtual machine in a namespace.') };
  }
  const entry = await deps.gate.enter(review.namespace);
  if (!entry.ok) return { allowed: false, refusal: entry.refusal };
  const planned = await planFor(review, deps);
  if (!planned.ok) return { allowed: false, refusal: planned.refusal };
  const { plan } = planned;
  const sticky = decideSticky(stickyCandidate(review, plan), entry.terms);
  if (!sticky.ok) return { allowed: false, refusal: sticky.refusal };
  // A claim goes first, as where an interface names one.
  const asked =
    plan.selector === undefined
      ? { ...plan, addressRequests: sticky.requests, warnings: [...plan.warnings, ...sticky.warnings] }
      : plan;
  const refusal = refuseTooMany(asked, review, deps.gate);
  if (refusal !== undefined) return { allowed: false, refusal };
  const checked = await checkDuplicates(
    plan.outside ?? [],
    { ...review, name: nameOf(request) },
    deps.duplicates,
    deadline,
  );
  if (!checked.ok) return { allowed: false, refusal: checked.refusal };
  const found = await findPools(asked, entry.terms, review, deps.findNetworks);
  if (!found.ok) return { allowed: false, refusal: found.refusal };
  const warnings = [...asked.warnings, ...checked.warnings, ...found.warnings];
  const pooled = { ...asked, addressRequests: found.requests, warnings };
  return await allocateFor({ plan: pooled, terms: entry.terms }, review, deps, deadline);
}

function readReview(request: AdmissionRequest): WorkloadReview | undefined {
  const { object, namespace } = request;
  const kind = KINDS.find((known) => known === request.kind.kind);
  if (object?.metadata === undefined || namespace === undefined || kind === undefined) return undefined;
  return { request, object, namespace, kind };
}

function stickyCandidate({ request, object, kind }: WorkloadReview, { addressRequests }: Plan): StickyCandidate {
  const isNew = request.oldObject === null || request.oldObject === undefined;
  return { kind, name: nameOf(request), metadata: object.metadata, isNew, requests: addressRequests };
}

/** The name is empty where the API server generates one (generateName). */
function nameOf({ name, object }: AdmissionRequest): string {
  return name ?? object?.metadata?.name ?? '';
}

/**
 * Limits the interfaces of one object. More is a mistake or an attack. Each network is looked up, and each address is held
 * while the others are requested; a refusal would send all of them through the reuse delay.
 */
const MAX_INTERFACES = 64;

const KINDS = ['Pod', 'VirtualMachine', 'VirtualMachineInstance'] as const;

async function planFor(
  { request, object, namespace, kind }: WorkloadReview,
  deps: WorkloadAdmissionDeps,
): Promise<Planned> {
  const prefixes = deps.prefixes();
  const { annotations } = object.metadata ?? {};
  const stored = request.oldObject ?? undefined;
  switch (kind) {
    case 'VirtualMachine':
      return withClaimSelector(planVm(object, stored, prefixes), annotations, { isNew: stored === undefined });
    case 'VirtualMachineInstance':
      return withClaimSelector(planVmi(object, prefixes), annotations, { isNew: true });
    case 'Pod':
      return await planForPod({ request, object, namespace, kind }, deps);
  }
}

async function planForPod(
  { request, object, namespace }: WorkloadReview,
  { prefixes, primaryCni, primaryNetwork, multusNamespace, findNetworks }: WorkloadAdmissionDeps,
): Promise<Planned> {
  const annotations = object.metadata?.annotations;
  if (request.oldObject !== null && request.oldObject !== undefined && !isLift(request)) {
    const stored = request.oldObject.metadata?.annotations ?? {};
    return planPodUpdate(annotations, stored, { namespace, multusNamespace, prefixes: prefixes() });
  }
  const read = readNetworks(annotations ?? {}, { namespace, multusNamespace });
  if (!read.ok) {
    return { ok: false, refusal: malformed(`${read.problem}.\nCorrect the annotation and create the pod again.`) };
  }
  const names = networkNames(read.networks);
  if (names.length > MAX_INTERFACES) return { ok: false, refusal: tooManyInterfaces(names.length) };
  const found = await findNetworks(primaryCni === 'ovn-kubernetes' ? [...names, primaryNetwork] : names);
  const support = new Map([...found].map(([name, network]) => [name, network.support]));
  const planned = planPod(annotations, read.networks, {
    prefixes: prefixes(),
    primaryCni,
    primaryNetwork,
    support,
    isStored: isLift(request),
  });
  return withClaimSelector(planned, annotations, { isNew: true });
}

function tooManyInterfaces(count: number): AdmissionRefusal {
  const cause = `${String(count)} interfaces of this object request an address, but ${String(MAX_INTERFACES)} is the limit.`;
  return malformed(`${cause}\nUse fewer interfaces.`);
}

/**
 * Refuses an object with too many interfaces, and one that is over the limit of its namespace. Addresses under no prefix of the ledger
 * count as interfaces: other users of each are looked up.
 */
function refuseTooMany(
  { addressRequests, selector, outside = [] }: Plan,
  { request, namespace }: WorkloadReview,
  gate: ReviewGate,
): AdmissionRefusal | undefined {
  const interfaces = Math.max(addressRequests.length, outside.length);
  if (interfaces > MAX_INTERFACES) return tooManyInterfaces(interfaces);
  if (request.dryRun === true) return undefined;
  const claims = addressRequests.filter(({ claim }) => claim !== undefined || selector !== undefined).length;
  return gate.take(namespace, { addresses: addressRequests.length, claims });
}

async function allocateFor(
  { plan, terms }: { readonly plan: Plan; readonly terms: NamespaceTerms },
  asking: WorkloadReview,
  deps: WorkloadAdmissionDeps,
  deadline: number,
): Promise<AdmissionResponse> {
  const { addressRequests, selector, warnings } = plan;
  const { request, object, kind } = asking;
  const patch: Plan['patch'] = (...args) => [...plan.patch(...args), ...(kind === 'Pod' ? ungatePatch(object) : [])];
  if (addressRequests.length === 0) return { allowed: true, patch: patch([], undefined), warnings };
  const author = requesterOf(asking, deps.schedulingGate);
  if (!author.ok) return { allowed: false, refusal: author.refusal };
  const users = { ...asking, users: usersOf(author.requester, asking, object), allowedBefore: author.pools ?? [] };
  const refusal = await refusePools(addressRequests, users, deps.mayUsePool);
  if (refusal !== undefined) return { allowed: false, refusal };
  if (request.dryRun === true) {
    const withNote = [...warnings, DRY_RUN_WARNING];
    return { allowed: true, patch: patch([], undefined), warnings: withNote };
  }
  const review = { ...asking, pools: allowedPools(addressRequests) };
  const admitted = admittedObject(review, author, deps.newLeaseId);
  const stocked =
    selector === undefined
      ? answerFromStock({ request, object: admitted, requests: addressRequests, terms }, deps.stock)
      : undefined;
  if (stocked !== undefined) {
    return { allowed: true, patch: patch(stocked.macs, admitted.leaseId, stocked.token), warnings };
  }
  const schedulingGate =
    plan.cannotWait === true ? { ...deps.schedulingGate, breaker: undefined } : deps.schedulingGate;
  const asked = { requests: addressRequests, selector, terms };
  const answer = await answerFromLedger(asked, { review, admitted }, { ...deps, schedulingGate }, deadline);
  if (!answer.ok) return answer.response;
  return {
    allowed: true,
    patch: patch(answer.macs, admitted.leaseId),
    warnings: [...warnings, ...answer.warnings],
  };
}

type LedgerAnswer =
  | { readonly ok: true; readonly macs: readonly MacAddress[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly response: AdmissionResponse };

/** Gets the addresses from the ledger, or while it is away from the sticky claims of the object. Without them, a pod may wait. */
async function answerFromLedger(
  asked: {
    readonly requests: readonly AddressRequest[];
    readonly selector: string | undefined;
    readonly terms: NamespaceTerms;
  },
  { review, admitted }: { readonly review: WorkloadReview; readonly admitted: AdmittedObject },
  { allocation, claimSets, schedulingGate, answerFromClaims }: WorkloadAdmissionDeps,
  deadline: number,
): Promise<LedgerAnswer> {
  const { selector, requests } = asked;
  const fromClaims = async (otherwise: AdmissionResponse): Promise<LedgerAnswer> => {
    const macs = selector === undefined ? await answerFromClaims({ object: admitted, ...asked }) : undefined;
    return macs === undefined ? { ok: false, response: otherwise } : { ok: true, macs, warnings: [] };
  };
  const waiting = waitWithoutAsking(review, schedulingGate);
  if (waiting !== undefined) return await fromClaims(waiting);
  const result =
    selector === undefined
      ? await allocateForObject(asked, admitted, allocation, deadline)
      : await useClaimSet({ requests, selector }, admitted, claimSets, deadline);
  if (result.ok) return result;
  const response = waitOrRefuse(result.refusal, review, schedulingGate);
  return isLedgerAway(result.refusal) ? await fromClaims(response) : { ok: false, response };
}

function admittedObject(
  { request, object, namespace, kind }: WorkloadReview,
  { requester, waitedSince }: Extract<Requester, { readonly ok: true }>,
  newLeaseId: () => string,
): AdmittedObject {
  const name = nameOf(request);
  // A pod whose gate is removed has never run: it gets its addresses like a new one.
  const uid = isLift(request) ? undefined : request.oldObject?.metadata?.uid;
  const leaseId = name === '' ? (leaseOfThisRequest(object.metadata) ?? newLeaseId()) : undefined;
  return {
    kind,
    namespace,
    name,
    uid,
    leaseId,
    // The lease id of a stored object is its own.
    broughtLease: uid === undefined ? object.metadata?.annotations?.[ANNOTATIONS.lease] : undefined,
    ...(kind === 'VirtualMachine' && waitsAsReceiver(object) && { waitsAsReceiver: true }),
    requester,
    waitedSince,
  };
}
