import { ANNOTATIONS } from '../../api/names.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { formatKey } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import type { RunsOn, UsedAddress, WorkloadKind } from '../live/workload.ts';
import type { VanishedPods } from './vanished-pods.ts';

export type CheckConsumerDeps = Pick<OperatorDeps, 'client'> &
  Pick<Sources, 'workloads' | 'ended'> & { readonly vanishedPods: VanishedPods };

/** How long after an uncached read the watch may report what the read showed. */
const WATCH_LAG_MS = 2_000;

/** A stored object that uses a claim, as the ledger names it. */
export interface Consumer extends UsedAddress {
  readonly kind: WorkloadKind;
}

/** A consumer that uses its address, or may still use it. */
export interface LivingConsumer {
  /** Where it runs, if it is a pod that has a node. */
  readonly runsOn?: RunsOn | undefined;
  /** When to check again a pod that vanished. In milliseconds. */
  readonly retryMs?: number;
  /** The node on which a vanished pod may still run, once no other explanation is left. */
  readonly mayRunOn?: string;
}

/**
 * Checks by uncached reads whether the consumer of a claim has ended. A pod that vanished has ended only if it was seen to end,
 * or can no longer run on its node, or a person says so. The guests of virtual machines are KubeVirt's concern
 * (docs/virtual-machines.md#limits).
 */
export async function checkConsumer(
  consumer: Consumer,
  claim: MacAllocation | undefined,
  deps: CheckConsumerDeps,
): Promise<'ended' | LivingConsumer> {
  const { kind, uid } = consumer;
  if (await kind.stillUses(consumer, deps.client)) {
    return { runsOn: cachedNode(consumer, deps) ?? nodeInStatus(claim, uid) };
  }
  const runsOn = kind.endsItsUse ? await unseenEnd(consumer, claim, deps) : undefined;
  if (runsOn === undefined) return 'ended';
  const checked = await deps.vanishedPods.check(uid, runsOn);
  if (checked === 'ended') return 'ended';
  // A watch that lags behind may still report how the pod ended.
  const isCertain = deps.ended.has(uid) || checked.forMs > WATCH_LAG_MS;
  return { runsOn, retryMs: checked.retryMs, ...(isCertain && { mayRunOn: runsOn.node }) };
}

/** Returns where a pod ran that vanished, or `undefined` if it was seen to end, never had a node, or a person says so. */
async function unseenEnd(
  { kind: { resource }, namespace, name, uid }: Consumer,
  claim: MacAllocation | undefined,
  { ended, client }: Pick<CheckConsumerDeps, 'ended' | 'client'>,
): Promise<RunsOn | undefined> {
  if (claim?.metadata.annotations?.[ANNOTATIONS.consumerEnded] === uid) return undefined;
  if (ended.has(uid)) return ended.mayRunOn(uid);
  const stored = await getOrUndefined(resource, { namespace, name }, client);
  const hasFinished = stored?.metadata.uid === uid && stored.finished === true;
  return hasFinished ? undefined : nodeInStatus(claim, uid);
}

function cachedNode(
  { kind: { resource }, namespace, name, uid }: Consumer,
  { workloads }: Pick<CheckConsumerDeps, 'workloads'>,
): RunsOn | undefined {
  const cached = workloads.get(resource.kind)?.cache.get(formatKey({ namespace, name }));
  return cached?.metadata.uid === uid ? cached.runsOn : undefined;
}

/** Returns where the status of the claim says that this consumer runs. Operators before this one wrote it. */
function nodeInStatus(claim: MacAllocation | undefined, uid: string): RunsOn | undefined {
  const { consumer } = claim?.status ?? {};
  if (consumer?.uid !== uid || consumer.node === undefined) return undefined;
  return { node: consumer.node, graceSeconds: consumer.terminationGracePeriodSeconds ?? 0 };
}
