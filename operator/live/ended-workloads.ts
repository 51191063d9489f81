import type { Change } from '../../kube/controller/object-cache.ts';
import { createLru } from '../../kube/lru.ts';
import type { RunsOn, Workload, WorkloadKind } from './workload.ts';

/** Where a pod may still run, and the addresses that it may still use. */
export type UnseenEnd = RunsOn & Pick<Workload, 'uses'>;

/** Remembers which workloads have ended for good, so that their addresses can be released without another read. */
export interface EndedWorkloads {
  /** Takes a change that the watch of a kind reported. */
  record(kind: Pick<WorkloadKind, 'endsItsUse'>, change: Change<Workload>): void;
  /** Returns whether the watch reported the end of the workload with this uid. `false` says nothing: it may be forgotten. */
  has(uid: string): boolean;
  /** Returns where an ended pod may still run: it was deleted before its kubelet had reported its last phase. */
  mayRunOn(uid: string): UnseenEnd | undefined;
  /** Returns the node on which a pod was seen to end: its kubelet reported its last phase. */
  endedOn(uid: string): string | undefined;
}

/**
 * Creates the memory of ended workloads, for at most `capacity` uids.
 *
 * A deletion that the watch reports is a fact of the API server's store, as is the last phase of a pod: a uid never returns. An
 * object that is only missing in a cache or a list proves nothing, because the cache leaves out objects without addresses.
 *
 * A kubelet deletes a pod only after its last phase is stored
 * (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase). So a pod that was deleted in another phase was deleted
 * by force, and its containers may still run.
 */
export function createEndedWorkloads(capacity: number): EndedWorkloads {
  const ended = createLru<string, { readonly mayRunOn?: UnseenEnd; readonly endedOn?: string }>(capacity);
  return {
    record: ({ endsItsUse }, { type, object, isGone }) => {
      if (type !== 'deleted' || !endsItsUse) return;
      const { metadata, finished, runsOn, ranOn, uses } = object;
      if (isGone !== true && finished !== true) return;
      ended.set(metadata.uid, {
        ...(runsOn !== undefined && { mayRunOn: { ...runsOn, uses } }),
        ...(ranOn !== undefined && { endedOn: ranOn }),
      });
    },
    has: (uid) => ended.get(uid) !== undefined,
    mayRunOn: (uid) => ended.get(uid)?.mayRunOn,
    endedOn: (uid) => ended.get(uid)?.endedOn,
  };
}

/**
 * Returns whether an object that is gone may still use its addresses somewhere: a pod that was deleted before its kubelet had reported
 * its end, or of whose end nothing is known. The other kinds are released only when nothing that runs shows the address.
 */
export function isEndUnseen(
  uid: string,
  { endsItsUse }: Pick<WorkloadKind, 'endsItsUse'>,
  { ended }: { readonly ended: Pick<EndedWorkloads, 'has' | 'mayRunOn'> },
): boolean {
  return endsItsUse && (!ended.has(uid) || ended.mayRunOn(uid) !== undefined);
}
