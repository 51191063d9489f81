import { type ConsumerRef, isHeldForPod, isMirror, isStickyClaim, macOf } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import type { Address, ReleaseOptions, Releases } from '../backend.ts';
import { refuseChangedHolder } from '../changed-holder.ts';
import { type CommandRefusal, commandRefusal, UserError } from '../errors.ts';
import { watchInterruption } from '../interruption.ts';
import { addressOfAllocation } from './address-of-allocation.ts';
import { NOT_SEEN_YET } from './evaluate-claim.ts';
import { poll } from './poll.ts';
import type { Scope } from './scope.ts';

/** Deletes claims and waits until the ledger has released their addresses. */
export async function releaseClaims(
  claims: readonly MacAllocation[],
  { force, generation, reason }: ReleaseOptions,
  scope: Scope,
): Promise<Releases> {
  const evaluated = claims.map((claim) => {
    const address = addressOfAllocation(claim);
    const changed = address && refuseChangedHolder(address, generation);
    return { claim, address, refusal: changed ?? refuseDeletion(claim, address, force) };
  });
  const kept = evaluated.flatMap(({ address, refusal }) => (address && refusal ? [{ address, refusal }] : []));
  // Includes claims without an address: they would get one later. They are not counted.
  const deletable = evaluated.filter(({ refusal }) => refusal === undefined);
  if (scope.dryRun) {
    for (const { claim } of deletable) await deleteClaim(claim, { dryRun: true }, scope);
    const sticky = deletable.filter(({ claim }) => isStickyClaim(claim));
    return { ...splitUp(deletable, new Set(sticky.map(({ claim }) => claim))), kept };
  }
  const interruption = watchInterruption(process);
  const failures = await Promise.all(
    deletable.map(({ claim }) => releaseClaim(claim, { force, reason, signal: interruption.signal }, scope)),
  ).finally(() => {
    interruption.stop();
    scope.progress('');
  });
  const failed = deletable.flatMap(({ address }, index) => {
    const refusal = failures[index];
    // A claim without an address has no place in the result.
    if (refusal !== undefined && address === undefined) throw UserError.from(refusal);
    return refusal === undefined || address === undefined ? [] : [{ address, refusal }];
  });
  const done = deletable.filter((_, index) => failures[index] === undefined);
  return { ...splitUp(done, await findLeft(done, scope)), kept: [...kept, ...failed] };
}

interface DeletedClaim {
  readonly claim: MacAllocation;
  readonly address: Address | undefined;
}

function splitUp(deleted: readonly DeletedClaim[], left: ReadonlySet<MacAllocation>): Omit<Releases, 'kept'> {
  return {
    released: deleted.flatMap(({ claim, address }): Address[] =>
      address === undefined || left.has(claim) ? [] : [{ ...address, state: 'released', expiresAt: undefined }],
    ),
    left: deleted.flatMap(({ claim, address }) => (address !== undefined && left.has(claim) ? [address] : [])),
  };
}

/**
 * Returns the sticky claims whose addresses belong to the object of the name now. The operator has stored its mirror before it lets such a
 * claim go.
 */
async function findLeft(deleted: readonly DeletedClaim[], { client }: Scope): Promise<ReadonlySet<MacAllocation>> {
  const sticky = deleted.map(({ claim }) => claim).filter(isStickyClaim);
  const byNamespace = Map.groupBy(sticky, ({ metadata }) => metadata.namespace ?? '');
  const left = new Set<MacAllocation>();
  for (const [namespace, claims] of byNamespace) {
    const mirrors = (await client.list(macAllocations, { namespace })).items.filter(isMirror);
    const mirrored = new Set(mirrors.map(macOf));
    for (const claim of claims) if (mirrored.has(macOf(claim))) left.add(claim);
  }
  return left;
}

/** Returns why a MacAllocation must not be deleted, or `undefined`. */
function refuseDeletion(
  claim: MacAllocation,
  address: Address | undefined,
  force: boolean,
): CommandRefusal | undefined {
  const { spec, status, metadata } = claim;
  const what = address?.mac ?? `MacAllocation ${metadata.name}`;
  if (isHeldForPod(status)) return force ? undefined : refuseHeld(what, claim);
  const holder = spec.consumerRef ?? status?.consumer;
  if (holder !== undefined) return refuseUsed(what, holder, claim);
  if (spec.reserved !== true || force) return undefined;
  return commandRefusal(
    `${what} is reserved, so it was not released.`,
    'Add --force to release it anyway.',
    'conflict',
  );
}

function refuseUsed(what: string, holder: ConsumerRef, { metadata, spec }: MacAllocation): CommandRefusal {
  const kind = holder.kind.toLowerCase();
  return commandRefusal(
    `${what} is held by ${kind} ${metadata.namespace ?? ''}/${holder.name}, so it was not released.`,
    isMirror({ spec })
      ? `Delete the ${kind}: that releases the address.`
      : `Delete the ${kind}: then the address can be released.`,
    'conflict',
  );
}

function refuseHeld(what: string, { metadata: { namespace = '' }, status }: MacAllocation): CommandRefusal {
  const pod = `${namespace}/${status?.consumer?.name ?? ''}`;
  return commandRefusal(
    `${what} is held for pod ${pod}, which was deleted before its kubelet had ended it, so it was not released.`,
    'Wait for its node; the condition Bound has more. If you are sure that the pod does not run, add --force.',
    'conflict',
  );
}

/** Deletes one claim. Returns what went wrong, or `undefined`. Ctrl-C ends the wait but not the deletion. */
async function releaseClaim(
  claim: MacAllocation,
  { force, reason, signal }: Pick<ReleaseOptions, 'force' | 'reason'> & { readonly signal: AbortSignal },
  scope: Scope,
): Promise<CommandRefusal | undefined> {
  const { client, waitMs, progress } = scope;
  const {
    metadata: { namespace, name, uid },
    spec,
    status,
  } = claim;
  const key = { namespace, name };
  const annotations = {
    ...(force && spec.reserved === true && { [ANNOTATIONS.forceRelease]: 'true' }),
    ...(force && isHeldForPod(status) && { [ANNOTATIONS.consumerEnded]: status?.consumer?.uid }),
    ...(reason !== undefined && { [ANNOTATIONS.releaseReason]: reason }),
  };
  if (Object.keys(annotations).length > 0) {
    const body = { metadata: { uid, annotations } };
    await client.patch(macAllocations, key, { type: 'merge', body }, { repeatable: true });
  }
  await deleteClaim(claim, {}, scope);
  let waitingFor = NOT_SEEN_YET;
  const polled = await poll(
    async () => {
      const current = await client.find(macAllocations, key);
      if (current?.metadata.uid !== uid) return true;
      const ready = findCondition(current.status?.conditions ?? [], 'Ready');
      if (ready !== undefined) waitingFor = `${ready.reason}: ${ready.message}`;
      progress(`Waiting for the release of ${name}: ${waitingFor}`);
      return undefined;
    },
    { withinMs: waitMs, signal },
  );
  if (polled.state === 'done') return undefined;
  return commandRefusal(
    `MacAllocation ${namespace ?? ''}/${name} is being deleted, but its address is not released yet (${waitingFor}).`,
    'The operator releases it once it can reach the ledger; see `kubectl get pods -A -l app.kubernetes.io/part-of=rock-mac`.',
    'unavailable',
  );
}

/** Deletes a claim, and succeeds if it does not exist any more. */
async function deleteClaim(
  { metadata: { namespace, name, uid } }: MacAllocation,
  options: { readonly dryRun?: boolean },
  { client }: Scope,
): Promise<void> {
  try {
    await client.delete(macAllocations, { namespace, name }, { ...options, uid, repeatable: true });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
