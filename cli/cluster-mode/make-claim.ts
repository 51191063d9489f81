import { parseDuration } from '../../api/duration.ts';
import { isAlreadyExists, isNotFound, KubeConnectionError } from '../../kube/client/errors.ts';
import { macAllocations, macPools, type MacAllocation, type MacPool } from '../../kube/client/mac-resources.ts';
import type { Address, Result } from '../backend.ts';
import { refusal, unknownPool, UserError, type Refusal } from '../errors.ts';
import { addressOfAllocation } from './address-of-allocation.ts';
import { claimName } from './claim-name.ts';
import { claimSpec, type ClaimRequest } from './claim-spec.ts';
import { evaluateClaim, NOT_SEEN_YET } from './evaluate-claim.ts';
import { watchInterruption } from './interruption.ts';
import { poll, type Polled } from './poll.ts';
import type { Scope } from './scope.ts';

/** How often a create request is sent if its responses are lost. */
const MAX_ATTEMPTS = 4;

/** Creates a claim and waits for its address. If that fails or is interrupted, it deletes the claim and says so. */
export async function makeClaim(
  request: ClaimRequest,
  requestKey: string | undefined,
  scope: Scope,
): Promise<Result<Address>> {
  const name = claimName(request.device.id, requestKey);
  if (scope.dryRun) return await dryRunClaim(name, request, scope);
  const interruption = watchInterruption(process);
  try {
    // Ctrl-C does not abort the create request, because the server might store the claim after that.
    const { claim, isNew } = await createClaim(name, request, scope);
    const mismatch = isNew ? undefined : findMismatch(claim, request, requestKey);
    if (mismatch !== undefined) return { kind: 'refused', refusal: mismatch };
    return await waitForAddress(claim, { isNew, signal: interruption.signal }, scope);
  } finally {
    interruption.stop();
    scope.progress('');
  }
}

/** Returns the auto-release period of a pool in seconds. Claims expire after it, so that a forgotten one leaks nothing. */
export async function autoReleaseSeconds(pool: string, scope: Scope): Promise<number | undefined> {
  const { spec } = await getPool(pool, scope);
  return spec.autoReleaseAfter === undefined ? undefined : parseDuration(spec.autoReleaseAfter);
}

async function getPool(name: string, { client }: Scope): Promise<MacPool> {
  const pool = await client.find(macPools, { name }).catch(undefinedForInvalidName);
  if (pool !== undefined) return pool;
  const { items } = await client.list(macPools);
  const names = items.map(({ metadata }) => metadata.name);
  throw UserError.from(unknownPool(name, names));
}

/** The client throws a RangeError for a text that cannot be the name of an object. */
function undefinedForInvalidName(error: unknown): undefined {
  if (!(error instanceof RangeError)) throw error;
}

async function dryRunClaim(
  name: string,
  request: ClaimRequest,
  { client, namespace }: Scope,
): Promise<Result<Address>> {
  await client.create(macAllocations, { metadata: { name, namespace }, spec: claimSpec(request) }, { dryRun: true });
  const message = `The claim would be created in namespace ${namespace}, from pool ${request.pool} (server dry run).`;
  return { kind: 'dry-run', message };
}

async function createClaim(
  name: string,
  request: ClaimRequest,
  { client, namespace }: Scope,
): Promise<{ readonly claim: MacAllocation; readonly isNew: boolean }> {
  const object = { metadata: { name, namespace }, spec: claimSpec(request) };
  for (let attempt = 1; ; attempt++) {
    try {
      return { claim: await client.create(macAllocations, object), isNew: true };
    } catch (error) {
      // Either the previous attempt stored it and its response was lost, or an earlier call used the same request key.
      if (isAlreadyExists(error)) {
        return { claim: await client.get(macAllocations, { namespace, name }), isNew: attempt > 1 };
      }
      if (!(error instanceof KubeConnectionError) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** Refuses an existing claim that the request key does not entitle the caller to. */
function findMismatch(
  { spec, metadata }: MacAllocation,
  { pool, reserved, requestedMac }: ClaimRequest,
  requestKey: string | undefined,
): Refusal | undefined {
  if (requestKey === undefined) {
    return refusal(`MacAllocation ${metadata.name} already exists.`, 'Try again.', 'conflict');
  }
  const isSame =
    spec.pool === pool &&
    (spec.reserved === true) === (reserved === true) &&
    (requestedMac === undefined || spec.requestedMac === requestedMac);
  if (isSame) return undefined;
  return refusal(
    `This request key belongs to MacAllocation ${metadata.name}, which was requested differently (pool ${spec.pool}).`,
    'Use a separate key for each request.',
    'conflict',
  );
}

async function waitForAddress(
  claim: MacAllocation,
  { isNew, signal }: { readonly isNew: boolean; readonly signal: AbortSignal },
  scope: Scope,
): Promise<Result<Address>> {
  const { client, namespace, waitMs, progress } = scope;
  const { name } = claim.metadata;
  let waitingFor = NOT_SEEN_YET;
  const check = async (): Promise<Result<Address> | undefined> => {
    const current = await client.get(macAllocations, { namespace, name });
    const claimProgress = evaluateClaim(current);
    if (claimProgress.state === 'refused') return { kind: 'refused', refusal: claimProgress.refusal };
    const address = claimProgress.state === 'ready' ? addressOfAllocation(current) : undefined;
    if (address !== undefined) return { kind: 'done', value: address };
    if (claimProgress.state === 'waiting') ({ waitingFor } = claimProgress);
    progress(`Waiting for MacAllocation ${namespace}/${name}: ${waitingFor}`);
    return undefined;
  };
  const deleteIfNew = async () => {
    // The claim of an earlier call may be in use.
    if (isNew) await deleteFailedClaim(claim, scope);
  };
  let polled: Polled<Result<Address>>;
  try {
    polled = await poll(check, { withinMs: waitMs, signal });
  } catch (error) {
    await deleteIfNew();
    throw error;
  }
  if (polled.state === 'done' && polled.value.kind === 'done') return polled.value;
  await deleteIfNew();
  if (polled.state === 'done') return polled.value;
  const what = `MacAllocation ${namespace}/${name} got no address`;
  if (polled.state === 'interrupted') {
    return { kind: 'refused', refusal: refusal(`Interrupted: ${what}.`, 'No address is held.') };
  }
  return {
    kind: 'refused',
    refusal: refusal(
      `${what} within ${String(Math.round(waitMs / 1_000))} s (${waitingFor}).`,
      'See `kubectl get pods -A -l app.kubernetes.io/part-of=rock-mac` and the conditions of the MacPools, then try again.',
      'unavailable',
    ),
  };
}

/** Deletes a claim that got no address. If it gets one meanwhile, its finalizer releases that. */
async function deleteFailedClaim({ metadata }: MacAllocation, { client, namespace, notify }: Scope): Promise<void> {
  const { name, uid } = metadata;
  try {
    await client.delete(macAllocations, { namespace, name }, { uid });
    notify(`MacAllocation ${namespace}/${name} was deleted again.`);
  } catch (error) {
    if (isNotFound(error)) return;
    notify(
      `MacAllocation ${namespace}/${name} could not be deleted (${error instanceof Error ? error.message : String(error)}): ` +
        `run \`kubectl delete macallocation ${name} -n ${namespace}\`.`,
    );
  }
}
