import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Identity } from '../controller/identity-key.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { eventSubjectOf, type RunsOn, type Workload, type WorkloadKind } from '../live/workload.ts';
import { showMark } from './show-mark.ts';

export type VanishedPodDeps = Pick<OperatorDeps, 'client' | 'events' | 'now'> & Pick<Sources, 'markChanged'>;

/**
 * Marks the sticky address of a pod that vanished before it was seen to end, as one that was deleted by force. Its node may be silent
 * for up to 50 s before it is not Ready, and so without a mark. The next pod of the name may have been faster: then an Event says so.
 */
export async function markVanished(
  { namespace, name, uid }: Identity,
  { node, graceSeconds }: RunsOn,
  { kind, claim }: { readonly kind: WorkloadKind; readonly claim: MacAllocation },
  deps: VanishedPodDeps,
): Promise<void> {
  const { client, markChanged } = deps;
  const next = await getOrUndefined(kind.resource, { namespace, name }, client);
  if (next !== undefined && next.uses.some((mac) => mac === claim.spec.mac)) {
    reportOverlap(next, node, { kind, claim }, deps);
    return;
  }
  await showMark(claim, { node, uid, terminationGracePeriodSeconds: graceSeconds }, deps);
  markChanged.fire(node);
}

function reportOverlap(
  next: Workload,
  node: string,
  { kind, claim }: { readonly kind: WorkloadKind; readonly claim: MacAllocation },
  { events }: Pick<OperatorDeps, 'events'>,
): void {
  const { mac = '' } = claim.spec;
  const note = `The last ${next.metadata.name} was deleted by force, and may still use ${mac} on node ${node}. If that node does not respond, make sure that it is off`;
  events.record(eventSubjectOf({ workload: next, kind }), {
    type: 'Warning',
    reason: 'AddressMayBeInUse',
    action: 'Observe',
    note,
  });
}
