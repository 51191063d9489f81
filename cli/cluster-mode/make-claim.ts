import { parseDuration } from '../../api/duration.ts';
import { isAlreadyExists, isNotFound, KubeConnectionError } from '../../kube/client/errors.ts';
import { macAllocations, macPools, type MacAllocation, type MacPool } from '../../kube/client/mac-resources.ts';
import type { Address } from '../backend.ts';
import { Done, UserError } from '../errors.ts';
import { noSuchPool } from '../no-such-pool.ts';
import { claimName } from './claim-name.ts';
import { claimSpec, type ClaimRequest } from './claim-spec.ts';
import { watchInterruption } from './interruption.ts';
import { evaluateClaim } from './evaluate-claim.ts';
import { poll } from './poll.ts';
import type { Scope } from './scope.ts';
import { addressOfAllocation } from './shown-address.ts';

/** Sends of one create whose answers got lost. */
const SENDS = 4;

/**
 * Makes a claim and waits for its address. Whatever goes wrong on the way, or whoever presses Ctrl-C: the claim is deleted
 * again, and what was done is said.
 */
export async function makeClaim(request: ClaimRequest, requestKey: string | undefined, scope: Scope): Promise<Address> {
  const name = claimName(request.device.id, requestKey);
  if (scope.dryRun) await tryClaim(name, request, scope);
  const interruption = watchInterruption(process);
  try {
    // Ctrl-C does not break this off: what is on its way could still be stored behind our back.
    const { claim, isNew } = await create(name, request, scope);
    if (!isNew) requireSame(claim, request, requestKey);
    return await waitForAddress(claim, { isNew, signal: interruption.signal }, scope);
  } finally {
    interruption.stop();
    scope.progress('');
  }
}

/** The period after which the address goes back by itself: that of the pool, so that who forgets it leaks nothing. */
export async function autoReleaseSeconds(pool: string, scope: Scope): Promise<number | undefined> {
  const { spec } = await getPool(pool, scope);
  return spec.autoReleaseAfter === undefined ? undefined : parseDuration(spec.autoReleaseAfter);
}

async function getPool(name: string, { client }: Scope): Promise<MacPool> {
  const pool = await client.find(macPools, { name }).catch(undefinedForInvalidName);
  if (pool !== undefined) return pool;
  const { items } = await client.list(macPools);
  throw noSuchPool(
    name,
    items.map(({ metadata }) => metadata.name),
  );
}

/** The client throws a RangeError for a text that cannot be the name of an object. */
function undefinedForInvalidName(error: unknown): undefined {
  if (!(error instanceof RangeError)) throw error;
}

async function tryClaim(name: string, request: ClaimRequest, { client, namespace }: Scope): Promise<never> {
  await client.create(macAllocations, { metadata: { name, namespace }, spec: claimSpec(request) }, { dryRun: true });
  throw new Done(`The claim would be made in namespace ${namespace}, from pool ${request.pool} (server dry run).`);
}

async function create(
  name: string,
  request: ClaimRequest,
  { client, namespace }: Scope,
): Promise<{ readonly claim: MacAllocation; readonly isNew: boolean }> {
  const object = { metadata: { name, namespace }, spec: claimSpec(request) };
  for (let sent = 1; ; sent++) {
    try {
      return { claim: await client.create(macAllocations, object), isNew: true };
    } catch (error) {
      // The one before was stored, and only its answer was lost; or it is the claim of an earlier call with this key.
      if (isAlreadyExists(error)) {
        return { claim: await client.get(macAllocations, { namespace, name }), isNew: sent > 1 };
      }
      if (!(error instanceof KubeConnectionError) || sent === SENDS) throw error;
    }
  }
}

/** A request key that was used for something else must not get its address; nor may who has none get somebody else's. */
function requireSame(
  { spec, metadata }: MacAllocation,
  { pool, reserved, requestedMac }: ClaimRequest,
  requestKey: string | undefined,
): void {
  if (requestKey === undefined) {
    throw new UserError(`There is a MacAllocation ${metadata.name} already.`, 'Try again.', 'conflict');
  }
  const isSame =
    spec.pool === pool &&
    (spec.reserved === true) === (reserved === true) &&
    (requestedMac === undefined || spec.requestedMac === requestedMac);
  if (isSame) return;
  throw new UserError(
    `This request key belongs to MacAllocation ${metadata.name}, which asks for something else (pool ${spec.pool}).`,
    'Use a key of its own for each question.',
    'conflict',
  );
}

async function waitForAddress(
  claim: MacAllocation,
  { isNew, signal }: { readonly isNew: boolean; readonly signal: AbortSignal },
  scope: Scope,
): Promise<Address> {
  const { client, namespace, waitMs, progress } = scope;
  const { name } = claim.metadata;
  let waitsFor = 'the operator has not seen it yet';
  const polled = await poll(
    async () => {
      const seen = await client.get(macAllocations, { namespace, name });
      const judgement = evaluateClaim(seen);
      if (judgement.done) return { address: addressOfAllocation(seen) };
      if (judgement.refused !== undefined) return { refused: judgement.refused };
      ({ waitsFor } = judgement);
      progress(`Waiting for MacAllocation ${namespace}/${name}: ${waitsFor}`);
      return undefined;
    },
    { withinMs: waitMs, signal },
  ).catch((error: unknown) => ({ state: 'failed' as const, error }));
  if (polled.state === 'done' && polled.value.address !== undefined) return polled.value.address;
  // A claim of an earlier call may be in use by whoever made it.
  if (isNew) await takeBack(claim, scope);
  if (polled.state === 'failed') throw polled.error;
  if (polled.state === 'done' && polled.value.refused !== undefined) throw polled.value.refused;
  const what = `MacAllocation ${namespace}/${name} got no address`;
  if (polled.state === 'interrupted') throw new UserError(`Interrupted: ${what}.`, 'Nothing is held.');
  throw new UserError(
    `${what} within ${String(Math.round(waitMs / 1_000))} s (${waitsFor}).`,
    'See `kubectl get pods -A -l app.kubernetes.io/part-of=rock-mac` and the conditions of the MacPools, then try again.',
    'unavailable',
  );
}

/** Deletes a claim that came to nothing. An address that it gets meanwhile goes back before the object goes. */
async function takeBack({ metadata }: MacAllocation, { client, namespace, tell }: Scope): Promise<void> {
  const { name, uid } = metadata;
  try {
    await client.delete(macAllocations, { namespace, name }, { uid });
    tell(`MacAllocation ${namespace}/${name} was deleted again.`);
  } catch (error) {
    if (isNotFound(error)) return;
    tell(
      `MacAllocation ${namespace}/${name} could not be deleted (${error instanceof Error ? error.message : String(error)}): ` +
        `run \`kubectl delete macallocation ${name} -n ${namespace}\`.`,
    );
  }
}
