import { ANNOTATIONS } from '../../api/names.ts';
import { gateIndex } from '../../api/scheduling-gate.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import type { AdmissionKeys } from '../admission-keys/admission-keys.ts';
import type {
  AdmissionRefusal,
  AdmissionRequest,
  AdmissionResponse,
  AdmissionUser,
} from '../review/admission-review.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { forbidden, unavailable } from '../review/refusal.ts';
import { tokenSubjectOf } from '../review/token-subject.ts';
import { canBeGated, gatePatch, LEDGER_IS_AWAY } from './gate-patch.ts';
import { readGateToken, signGateToken } from './gate-token.ts';
import type { LedgerBreaker } from './ledger-breaker.ts';

export interface SchedulingGateDeps {
  /** Absent where pods are refused while the ledger is away. */
  readonly breaker: Pick<LedgerBreaker, 'isOpen' | 'failed'> | undefined;
  readonly keys: Pick<AdmissionKeys, 'current' | 'all'>;
  readonly clusterId: string;
  /** The user name of the operator, which lifts gates for others. */
  readonly operator: string;
  readonly now: () => Date;
}

/** A review of an object in a namespace. */
export interface GateReview {
  readonly kind: AdmittedObject['kind'];
  readonly request: AdmissionRequest;
  readonly object: NonNullable<AdmissionRequest['object']>;
  readonly namespace: string;
  /** The pools that its annotations name and that it may use. */
  readonly pools?: readonly string[] | undefined;
}

/** Who wants the addresses of a pod. */
export type Requester =
  | {
      readonly ok: true;
      readonly requester: AdmissionUser;
      /** When the pod was created, as an ISO date, if the operator lifts its gate. */
      readonly waitedSince?: string | undefined;
      /** The pools that it was allowed to use then. */
      readonly pools?: readonly string[] | undefined;
    }
  | { readonly ok: false; readonly refusal: AdmissionRefusal };

/** Returns whether a request removes our gate from a stored pod, which then needs its addresses. */
export function isLift({ object, oldObject }: Pick<AdmissionRequest, 'object' | 'oldObject'>): boolean {
  return gateIndex(oldObject?.['spec']) >= 0 && gateIndex(object?.['spec']) < 0;
}

/**
 * Returns who wants the addresses of a pod: the author of the request. The operator lifts a gate for the author of the pod, whom
 * the token names. Without a valid token it lifts none: everybody can write a gate and annotations into a pod.
 */
export function requesterOf(review: GateReview, { keys, operator, clusterId }: SchedulingGateDeps): Requester {
  const { request } = review;
  if (!isLift(request) || request.userInfo.username !== operator) return { ok: true, requester: request.userInfo };
  const token = request.oldObject?.metadata?.annotations?.[ANNOTATIONS.gateToken] ?? '';
  const claims = readGateToken(token, tokenSubjectOf(review, clusterId), keys.all());
  if (claims !== undefined) {
    return { ok: true, requester: { username: claims.requester }, waitedSince: claims.at, pools: claims.pools };
  }
  const cause = `The annotation ${ANNOTATIONS.gateToken} is not the one that rock-mac wrote into this pod, so the pod gets no address.`;
  return { ok: false, refusal: forbidden(`${cause}\nDelete the pod, and create it again.`) };
}

/** Returns the response while the ledger is known to be away, or `undefined` if the ledger is to be asked. */
export function waitWithoutAsking(review: GateReview, deps: SchedulingGateDeps): AdmissionResponse | undefined {
  return deps.breaker?.isOpen() === true ? waitForLedger(review, deps) : undefined;
}

/** Returns the response to a refused review: where only the ledger's absence is in the way, the pod waits for the ledger. */
export function waitOrRefuse(
  refusal: AdmissionRefusal,
  review: GateReview,
  deps: SchedulingGateDeps,
): AdmissionResponse {
  if (!isLedgerAway(refusal)) return { allowed: false, refusal };
  deps.breaker?.failed();
  return waitForLedger(review, deps) ?? { allowed: false, refusal };
}

/** Whether the same request may succeed as soon as the ledger answers. Every answer of the ledger itself is final. */
export function isLedgerAway({ cause }: AdmissionRefusal): boolean {
  return isLedgerError(cause) && cause.retryable;
}

/** A new pod is stored with a gate, and a pod that is gated stays so. Nothing else can wait. */
function waitForLedger(review: GateReview, deps: SchedulingGateDeps): AdmissionResponse | undefined {
  const { request, object } = review;
  if (isLift(request)) return { allowed: false, refusal: unavailable(LEDGER_IS_AWAY) };
  const isNewPod = review.kind === 'Pod' && (request.oldObject === null || request.oldObject === undefined);
  if (deps.breaker === undefined || !isNewPod || !canBeGated(object)) return undefined;
  const claims = { requester: request.userInfo.username, at: deps.now().toISOString(), ...poolsOf(review) };
  const token = signGateToken(tokenSubjectOf(review, deps.clusterId), claims, deps.keys.current());
  return { allowed: true, patch: gatePatch(object, token), warnings: [`rock-mac: ${LEDGER_IS_AWAY}`] };
}

function poolsOf({ pools = [] }: GateReview): { readonly pools?: string[] } {
  return pools.length === 0 ? {} : { pools: [...pools] };
}
