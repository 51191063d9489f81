import { ANNOTATIONS } from '../../api/names.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import type { Address, Released } from '../backend.ts';
import { UserError } from '../errors.ts';
import { watchInterruption } from './interruption.ts';
import { poll } from './poll.ts';
import type { Scope } from './scope.ts';
import { addressOfAllocation } from './shown-address.ts';

/** Releases what these claims hold, by deleting them, and waits until the ledger has it. */
export async function releaseClaims(
  found: readonly MacAllocation[],
  { force }: { readonly force: boolean },
  scope: Scope,
): Promise<Released> {
  const judged = found.flatMap((claim) => {
    const address = addressOfAllocation(claim);
    // One that holds nothing yet would get an address later: it goes too, but is not counted.
    return [{ claim, address, why: whyNot(claim, address, force) }];
  });
  const kept = judged.flatMap(({ address, why }) => (address && why ? [{ address, why }] : []));
  const going = judged.filter(({ why }) => why === undefined);
  const released = going.flatMap(({ address }) => address ?? []);
  if (scope.dryRun) {
    for (const { claim } of going) await deleteClaim(claim, { dryRun: true }, scope);
    return { released, kept };
  }
  const interruption = watchInterruption(process);
  const outcomes = await Promise.all(
    going.map(({ claim }) => releaseClaim(claim, { force, signal: interruption.signal }, scope)),
  ).finally(() => {
    interruption.stop();
    scope.progress('');
  });
  const late = outcomes.find((outcome) => outcome !== undefined);
  if (late !== undefined) throw late;
  return { released, kept };
}

/** Why a MacAllocation must not be deleted by hand, or `undefined`. */
export function whyNot(
  { spec, status, metadata }: MacAllocation,
  address: Address | undefined,
  force: boolean,
): UserError | undefined {
  const what = address?.mac ?? `MacAllocation ${metadata.name}`;
  const holder = spec.consumerRef ?? status?.consumer;
  if (holder !== undefined) {
    const kind = holder.kind.toLowerCase();
    return new UserError(
      `${what} is held by ${kind} ${metadata.namespace ?? ''}/${holder.name}, so it was not released.`,
      `Delete the ${kind}: ${spec.consumerRef === undefined ? 'then it can be released' : 'that releases it'}.`,
      'conflict',
    );
  }
  if (spec.reserved !== true || force) return undefined;
  return new UserError(
    `${what} is reserved, so it was not released.`,
    'Add --force to give it back all the same.',
    'conflict',
  );
}

/** Answers what went wrong, or `undefined`. Ctrl-C ends the wait; what is being deleted stays so. */
async function releaseClaim(
  claim: MacAllocation,
  { force, signal }: { readonly force: boolean; readonly signal: AbortSignal },
  scope: Scope,
): Promise<UserError | undefined> {
  const { client, waitMs, progress } = scope;
  const {
    metadata: { namespace, name, uid },
    spec,
  } = claim;
  const key = { namespace, name };
  if (spec.reserved === true && force) {
    const body = { metadata: { uid, annotations: { [ANNOTATIONS.forceRelease]: 'true' } } };
    await client.patch(macAllocations, key, { type: 'merge', body }, { repeatable: true });
  }
  await deleteClaim(claim, {}, scope);
  let waitsFor = 'the operator has not seen it yet';
  const polled = await poll(
    async () => {
      const seen = await client.find(macAllocations, key);
      if (seen?.metadata.uid !== uid) return true;
      const ready = findCondition(seen.status?.conditions ?? [], 'Ready');
      if (ready !== undefined) waitsFor = `${ready.reason}: ${ready.message}`;
      progress(`Waiting for the release of ${name}: ${waitsFor}`);
      return undefined;
    },
    { withinMs: waitMs, signal },
  );
  if (polled.state === 'done') return undefined;
  return new UserError(
    `MacAllocation ${namespace ?? ''}/${name} is being deleted, but its address is not released yet (${waitsFor}).`,
    'It will be when the operator can reach the ledger; see `kubectl get pods -A -l app.kubernetes.io/part-of=rock-mac`.',
    'unavailable',
  );
}

/** One that is gone already is as it was to be. */
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
