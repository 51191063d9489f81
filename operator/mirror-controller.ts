import { RELEASE_FINALIZER } from '../api/names.ts';
import type { ConsumerRef } from '../api/mac-allocation.ts';
import type { Result } from '../kube/controller.ts';
import { isNotFound } from '../kube/errors.ts';
import { boundKey } from '../ledger/holder-key.ts';
import { parseMac } from '../mac/mac-address.ts';
import type { OperatorContext } from './context.ts';
import { isFinished } from './mirror.ts';
import { releaseHolder } from './release-holder.ts';
import { macAllocations, pods, type MacAllocation, type Pod } from './resources.ts';
import { dropFinalizer } from './write-allocation.ts';

/**
 * Ends a mirror when the object that carries its address is gone. Watches MacAllocations with a consumerRef, and is
 * called when a pod goes; deletes the mirror, and releases its address before its finalizer is dropped.
 *
 * A cache that does not hold the object proves nothing, so the object is read by name and compared by uid. Any doubt
 * (an error, a cut answer) throws, and nothing is released.
 */
export async function reconcileMirror(
  mirror: MacAllocation,
  isSeenAlive: (consumer: ConsumerRef, namespace: string | undefined) => boolean,
  context: OperatorContext,
): Promise<Result> {
  const { consumerRef } = mirror.spec;
  if (consumerRef === undefined) return {};
  const { deletionTimestamp, finalizers, namespace, name, uid } = mirror.metadata;
  if (deletionTimestamp === undefined) {
    // A cache that does hold it is proof enough here: when the object goes, that is news, and this is called again.
    if (isSeenAlive(consumerRef, namespace) || (await findCarrier(mirror, consumerRef, context)) !== undefined)
      return {};
    await context.client.delete(macAllocations, { namespace, name }, { uid });
    return {};
  }
  if (finalizers?.includes(RELEASE_FINALIZER) !== true) return {};
  // Deleted by hand while its object lives: the address stays with the object, and a new mirror is made.
  if ((await findCarrier(mirror, consumerRef, context)) === undefined) {
    await releaseMirror(mirror, consumerRef, context);
  }
  await dropFinalizer(mirror, context.client);
  return {};
}

/**
 * The live object. What its annotations say now does not count: an interface keeps the address that it was made with,
 * whatever is edited afterwards.
 */
async function findCarrier(
  mirror: MacAllocation,
  { name, uid }: ConsumerRef,
  { client }: OperatorContext,
): Promise<Pod | undefined> {
  let pod: Pod;
  try {
    pod = await client.get(pods, { namespace: mirror.metadata.namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  return pod.metadata.uid === uid && !isFinished(pod) ? pod : undefined;
}

async function releaseMirror(
  mirror: MacAllocation,
  { uid, nic }: ConsumerRef,
  context: OperatorContext,
): Promise<void> {
  const parsed = parseMac(mirror.spec.requestedMac ?? '');
  if (!parsed.ok) return;
  const { clusterId, logger } = context;
  const key = boundKey({ clusterId, uid, nic, mac: parsed.mac });
  const outcome = await releaseHolder(key, { force: false, reason: 'pod is gone' }, context);
  const { namespace, name } = mirror.metadata;
  // Anything but `released` says that it was done before: a look at a copy that is a moment old.
  const level = outcome === 'released' ? 'info' : 'debug';
  logger[level]({ namespace, mirror: name, mac: parsed.mac, outcome }, 'address released');
}
