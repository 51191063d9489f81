import type { ConsumerRef } from '../../api/mac-allocation.ts';
import { RELEASE_FINALIZER } from '../../api/names.ts';
import type { Result } from '../../kube/controller/controller.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import { isConflict, isNotFound } from '../../kube/client/errors.ts';
import type { ObjectMeta } from '../../kube/client/objects.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { parseMac, type MacAddress } from '../../mac/mac-address.ts';
import type { WorkloadKind } from '../workload/workload.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { releaseHolder } from '../allocation/release-by-key.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import { dropFinalizer } from '../allocation/drop-finalizer.ts';

/** The address that a mirror shows, and on whose behalf it is carried. */
export interface Mirrored {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly consumer: ConsumerRef;
  readonly mac: MacAddress;
}

/** How soon a mirror is looked at again whose owner does not show the address any more while something else does. */
const LINGER_MS = 3_000;

/** For so long a ledger that is away holds up the end of a mirror. */
const LEDGER_PATIENCE_MS = 60_000;

/**
 * Ends a mirror when nothing carries its address any more. Watches MacAllocations with a consumerRef, and is called when
 * their owner changes; deletes the mirror, and releases its address before its finalizer is dropped.
 *
 * A copy that does not hold the owner proves nothing, so it is read live and compared by uid. Any doubt (an error, a cut
 * answer) throws, and nothing is released.
 */
export async function reconcileMirror(
  mirror: MacAllocation,
  isSeenOn: (mirrored: Mirrored) => boolean,
  context: OperatorDeps,
): Promise<Result> {
  const { deletionTimestamp, finalizers, namespace, name, uid } = mirror.metadata;
  const mirrored = mirroredBy(mirror, context);
  if (mirrored === undefined) return undefined;
  if (deletionTimestamp === undefined) {
    // A copy that does hold it is proof enough here: when the object goes, that is news, and this is called again.
    if (isSeenOn(mirrored)) return undefined;
    if (await isUsed(mirrored, context)) return { requeueAfterMs: LINGER_MS };
    await deleteIfThere({ namespace, name, uid }, context);
    return undefined;
  }
  if (finalizers?.includes(RELEASE_FINALIZER) !== true) return undefined;
  if (await isUsed(mirrored, context)) {
    // Deleted by hand while its object lives: the address stays with the object, and a new mirror is made. Where none can
    // be made (the namespace is being deleted, or the owner has left its instance behind), this one waits for the end.
    const willBeMadeAgain = isSeenOn(mirrored) && !(await isNamespaceEnding(mirrored.namespace, context));
    if (!willBeMadeAgain) return { requeueAfterMs: LINGER_MS };
  } else if ((await releaseMirrored(mirror, mirrored, context)) === 'later') {
    return { requeueAfterMs: LINGER_MS };
  }
  await dropFinalizer(mirror, context.client);
  return undefined;
}

/** The garbage collector may have been faster, and a mirror of another uid is another matter. */
async function deleteIfThere(
  { namespace, name, uid }: Pick<ObjectMeta, 'namespace' | 'name' | 'uid'>,
  { client }: OperatorDeps,
): Promise<void> {
  try {
    await client.delete(macAllocations, { namespace, name }, { uid });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

/** `undefined` for what no version of the operator that knew these kinds has made: nothing is known of it. */
function mirroredBy({ metadata, spec }: MacAllocation, { kinds }: OperatorDeps): Mirrored | undefined {
  const { consumerRef: consumer, requestedMac = '' } = spec;
  const kind = kinds.find(({ resource }) => resource.kind === consumer?.kind);
  const parsed = parseMac(requestedMac);
  if (consumer === undefined || kind === undefined || !parsed.ok) return undefined;
  return { kind, namespace: metadata.namespace ?? '', consumer, mac: parsed.mac };
}

function isUsed({ kind, namespace, consumer, mac }: Mirrored, { client }: OperatorDeps): Promise<boolean> {
  return kind.stillUses({ namespace, name: consumer.name, uid: consumer.uid, mac }, client);
}

async function isNamespaceEnding(name: string, { client }: OperatorDeps): Promise<boolean> {
  const namespace = await getOrUndefined(namespaces, { name }, client);
  return namespace?.metadata.deletionTimestamp !== undefined;
}

/**
 * A ledger that is away must not keep namespaces and nodes from being cleared: after a minute the finalizer goes all the
 * same. The address then stays held until a resync of the operator has missed it for as long as its pool says.
 */
async function releaseMirrored(
  mirror: MacAllocation,
  { consumer: { uid, nic }, namespace, mac }: Mirrored,
  context: OperatorDeps,
): Promise<'done' | 'later'> {
  const { clusterId, logger, now } = context;
  const log = { namespace, mirror: mirror.metadata.name, mac };
  try {
    const key = boundKey({ clusterId, uid, nic, mac });
    const outcome = await releaseHolder(key, { force: false, reason: 'object is gone' }, context);
    // Anything but `released` says that it was done before: a look at a copy that is a moment old.
    const level = outcome === 'released' ? 'info' : 'debug';
    logger[level]({ ...log, outcome }, 'address released');
    return 'done';
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const waitedMs = now().getTime() - Date.parse(mirror.metadata.deletionTimestamp ?? '');
    if (waitedMs < LEDGER_PATIENCE_MS) return 'later';
    logger.warn({ ...log, err: error }, 'the ledger is away: the mirror goes, and a later pass releases its address');
    return 'done';
  }
}
