import { ANNOTATIONS, SCHEDULING_GATE } from '../../api/names.ts';
import { isConflict, isNotFound, KubeError } from '../../kube/client/errors.ts';
import { type JsonPatchOperation, pointer, test, unchanged } from '../../kube/client/json-patch.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import type { BackoffOptions } from '../../time/backoff.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Workload, WorkloadGate, WorkloadKind } from '../live/workload.ts';
import { refusalText } from './refusal-text.ts';

export type LiftGateDeps = Pick<OperatorDeps, 'client' | 'events' | 'logger'> & { readonly kind: WorkloadKind };

/** Delays between the tries of a lift that is refused, for example because the pool is full. */
const REFUSED: BackoffOptions = { baseMs: 5_000, maxMs: 60_000 };

/**
 * Removes the gate of a pod. The API server sends that update to the webhook, which allocates the addresses of the pod, as for
 * a new one, and writes them into it. So gate and addresses change in one write, and everything that decides about a new pod
 * decides again: pool, quota, claims, and the token, which says for whom. A refusal leaves the pod as it is.
 */
export async function liftGate(pod: Workload, gate: WorkloadGate, deps: LiftGateDeps): Promise<ReconcileResult> {
  const { client, kind, logger } = deps;
  const { namespace, name } = pod.metadata;
  const path = pointer('spec', 'schedulingGates', gate.index);
  const body: JsonPatchOperation[] = [unchanged(pod), test(`${path}/name`, SCHEDULING_GATE), { op: 'remove', path }];
  try {
    // Once: the first try may have changed the version that a retry would name.
    await client.patch(kind.resource, { namespace, name }, { type: 'json', body }, { attempts: 1 });
    logger.info({ kind: kind.resource.kind, namespace, name }, 'the pod has its addresses and may be scheduled');
    return undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (!(error instanceof KubeError)) throw error;
    const reason = refusalText(error.message);
    // Another version of the pod: its event enqueues it again.
    if (reason === undefined && isConflict(error)) return undefined;
    if (reason === undefined) throw error;
    await reportReason(reason, pod, gate, deps);
    return { poll: REFUSED };
  }
}

/** Writes on the pod why it still waits, and records an Event, if the reason has changed. */
async function reportReason(
  reason: string,
  { metadata }: Workload,
  gate: WorkloadGate,
  { client, events, kind, logger }: LiftGateDeps,
): Promise<void> {
  if (reason === gate.reason) return;
  const { namespace, name } = metadata;
  logger.info({ kind: kind.resource.kind, namespace, name, reason }, 'the pod still waits for its addresses');
  events.record(
    { apiVersion: 'v1', kind: kind.resource.kind, metadata },
    { type: 'Warning', reason: 'AddressRefused', action: 'Allocate', note: reason },
  );
  const body = { metadata: { annotations: { [ANNOTATIONS.gateReason]: reason } } };
  await client.patch(kind.resource, { namespace, name }, { type: 'merge', body });
}
