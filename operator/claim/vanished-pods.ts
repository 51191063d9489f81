import type { KubeClient } from '../../kube/client/client.ts';
import { createLru } from '../../kube/lru.ts';
import type { Clock } from '../../time/clock.ts';
import type { RunsOn } from '../live/workload.ts';
import { beginContact, type NodeContact, type NodeState, updateContact } from './node-contact.ts';
import { readNode } from './read-node.ts';

/**
 * Watches the nodes of pods that vanished before they were seen to end. Only a consumer of a claim is watched, and the last pod of a
 * name whose address is marked.
 */
export interface VanishedPods {
  /**
   * Checks whether the pod with this uid may still run, now. Until `ended`, the caller checks again after `retryMs`.
   *
   * @param state is what the caller has just read of the node. Default: it is read
   */
  check(uid: string, runsOn: RunsOn, state?: NodeState): Promise<'ended' | MayStillRun>;
}

export interface MayStillRun {
  /** Since the first check, in milliseconds. */
  readonly forMs: number;
  /** In milliseconds, and shorter than the time between two renewals of a Lease. */
  readonly retryMs: number;
}

const RETRY_MS = 3_000;

/** For a node that is silent for a while. Its return is noticed later, which only makes the wait longer. */
const SILENT_RETRY_MS = 10_000;
const SILENT_AFTER_MS = 30_000;

/** A node runs 110 pods at most by default. A forgotten pod is watched anew. */
const CAPACITY = 4_096;

/**
 * Creates the memory of the vanished pods of one leader run. The next leader begins to watch their nodes anew, which makes the
 * wait longer and never shorter.
 */
export function createVanishedPods({
  client,
  clock,
}: {
  readonly client: KubeClient;
  readonly clock: Pick<Clock, 'now'>;
}): VanishedPods {
  const watched = createLru<string, { readonly since: number; readonly contact: NodeContact }>(CAPACITY);
  return {
    check: async (uid, { node, graceSeconds }, known) => {
      const state = known ?? (await readNode(node, client));
      const graceMs = graceSeconds * 1_000;
      const before = watched.get(uid) ?? { since: clock.now(), contact: beginContact(state, graceMs) };
      const contact = updateContact(before.contact, state, graceMs);
      if (contact === 'ended') return 'ended';
      watched.set(uid, { ...before, contact });
      const forMs = clock.now() - before.since;
      const isSilent = contact.inContactSince === undefined && forMs > SILENT_AFTER_MS;
      return { forMs, retryMs: isSilent ? SILENT_RETRY_MS : RETRY_MS };
    },
  };
}
