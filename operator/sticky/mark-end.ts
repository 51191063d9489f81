import type { UnreachableConsumer } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { StoredNode } from '../claim/read-node.ts';
import type { VanishedPods } from '../claim/vanished-pods.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import type { Workload } from '../live/workload.ts';
import { DEFAULT_GRACE_SECONDS, longestGrace } from './longest-grace.ts';

export type MarkEndDeps = Pick<OperatorDeps, 'client' | 'kinds'> &
  Pick<Sources, 'ended'> & { readonly vanishedPods: VanishedPods };

/** An address that the last pod of its name may still use on a node. */
export interface Mark {
  readonly node: string;
  readonly row: Pick<AddressRow, 'mac' | 'key' | 'owner' | 'unreachableNode'>;
  /** The sticky claim of the address, which says more about the pod. Absent if it could not be made. */
  readonly claim: MacAllocation | undefined;
}

/** Why a mark may end, or when to check again if no event will report it. */
export type CheckedMark = { readonly ended: string } | { readonly retryMs?: number };

const SEEN_TO_END: CheckedMark = { ended: 'its pod was seen to end' };

/**
 * Decides whether a mark may end.
 *
 * While the pod is stored, a kubelet that is Ready again runs it or ends it, and reports that. A pod that vanished is not known to
 * the API server any more: its kubelet must have been in contact for long enough to notice (`node-contact.ts`), as for a claim.
 *
 * @param state is what the API server has stored of the node
 */
export async function checkMark(mark: Mark, state: StoredNode | undefined, deps: MarkEndDeps): Promise<CheckedMark> {
  if (state === undefined) return { ended: 'its node is deleted' };
  if (state.isOutOfService) return { ended: 'its node is out of service' };
  if (mark.claim?.metadata.annotations?.[ANNOTATIONS.consumerEnded] === mark.node) {
    return { ended: 'a person says that its pod has ended' };
  }
  const consumer = consumerOf(mark);
  if (consumer.uid !== undefined && deps.ended.endedOn(consumer.uid) === mark.node) return SEEN_TO_END;
  return state.isReady ? await checkPod(mark, consumer, state, deps) : {};
}

/**
 * Returns what the claim says about the pod that the mark is about. A claim that shows another node has forgotten the uid of this pod,
 * but not how long it may take to end.
 */
export function consumerOf({ node, claim }: Pick<Mark, 'node' | 'claim'>): UnreachableConsumer {
  const shown = claim?.status?.unreachableConsumer;
  if (shown === undefined || shown.node === node) return shown ?? { node };
  return longestGrace({ node }, shown);
}

/** Checks whether the pod may still run on a node that is Ready. */
async function checkPod(
  { node, row }: Mark,
  { uid, terminationGracePeriodSeconds: graceSeconds = DEFAULT_GRACE_SECONDS }: UnreachableConsumer,
  state: StoredNode,
  deps: MarkEndDeps,
): Promise<CheckedMark> {
  const pod = await findPod(row, deps);
  const stored = pod === undefined ? undefined : checkStored(pod, { node, row }, uid);
  if (stored !== undefined) return stored;
  const checked = await deps.vanishedPods.check(uid ?? `${row.key} on ${node}`, { node, graceSeconds }, state);
  return checked === 'ended' ? { ended: 'its node has been in contact since' } : { retryMs: checked.retryMs };
}

/** Decides by the pod that is stored under the name: it may be the one that the mark is about (`uid`, if known), or the next one. */
export function checkStored(
  pod: Pick<Workload, 'metadata' | 'uses' | 'runsOn' | 'ranOn'>,
  { node, row }: Pick<Mark, 'node' | 'row'>,
  uid: string | undefined,
): CheckedMark | undefined {
  const usesIt = pod.uses.includes(row.mac);
  if (uid !== undefined && uid !== pod.metadata.uid) {
    return usesIt && row.unreachableNode === undefined ? { ended: 'the next pod was faster' } : undefined;
  }
  if (uid !== undefined && pod.ranOn === node) return SEEN_TO_END;
  return usesIt && pod.runsOn?.node === node ? { ended: 'its node is ready again' } : undefined;
}

async function findPod({ owner }: Mark['row'], { kinds, client }: MarkEndDeps): Promise<Workload | undefined> {
  const kind = kinds.find(({ resource }) => resource.kind === owner?.kind);
  if (kind === undefined || owner === undefined) return undefined;
  return await getOrUndefined(kind.resource, { namespace: owner.namespace, name: owner.name }, client);
}
