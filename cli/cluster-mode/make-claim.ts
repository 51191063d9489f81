import { parseDuration } from '../../api/duration.ts';
import { isAlreadyExists, isNotFound, KubeConnectionError } from '../../kube/client/errors.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { allocateEach } from '../allocate-each.ts';
import type { Address, AllocatedSet, CommandResult } from '../backend.ts';
import { type CommandRefusal, commandRefusal, UserError } from '../errors.ts';
import { watchInterruption } from '../interruption.ts';
import { addressOfAllocation } from './address-of-allocation.ts';
import { claimName } from './claim-name.ts';
import { claimAnnotations, type ClaimRequest, claimSpec } from './claim-spec.ts';
import { evaluateClaim, NOT_SEEN_YET } from './evaluate-claim.ts';
import { explainKubeError } from './explain-kube-error.ts';
import { poll, type Polled } from './poll.ts';
import { getMacPool } from './read-pools.ts';
import type { Scope } from './scope.ts';

/** How often a create request is sent if its responses are lost. */
const MAX_ATTEMPTS = 4;

/** How many claims of a set are made at a time. */
const MADE_AT_ONCE = 8;

/** Creates a claim and waits for its address. If that fails or is interrupted, it deletes the claim and says so. */
export async function makeClaim(
  request: ClaimRequest,
  requestKey: string | undefined,
  scope: Scope,
): Promise<CommandResult<Address>> {
  const name = claimName(request.device.id, requestKey);
  const mayExist = requestKey === undefined ? undefined : 'by request key';
  return await interruptible(scope, (signal) => makeNamedClaim({ name, mayExist }, request, signal, scope));
}

/** Creates the claims of a set that are not there yet, and waits for their addresses. */
export async function makeClaims(
  names: readonly string[],
  request: ClaimRequest,
  scope: Scope,
): Promise<CommandResult<AllocatedSet>> {
  return await interruptible(scope, (signal) =>
    allocateEach(names, MADE_AT_ONCE, async (name): Promise<CommandResult<Address>> => {
      try {
        return await makeNamedClaim({ name, mayExist: 'by name' }, request, signal, scope);
      } catch (error) {
        const { message, exit } = asUserError(explainKubeError(error, scope.namespace));
        return { kind: 'refused', refusal: commandRefusal(message, '', exit) };
      }
    }),
  );
}

function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}

async function interruptible<T>({ progress }: Scope, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = watchInterruption(process);
  try {
    return await work(interruption.signal);
  } finally {
    interruption.stop();
    progress('');
  }
}

/** A claim by its name, and what entitles the caller to one that exists already. */
interface NamedClaim {
  readonly name: string;
  readonly mayExist: 'by name' | 'by request key' | undefined;
}

async function makeNamedClaim(
  { name, mayExist }: NamedClaim,
  request: ClaimRequest,
  signal: AbortSignal,
  scope: Scope,
): Promise<CommandResult<Address>> {
  if (scope.dryRun) return await dryRunClaim(name, request, scope);
  // Ctrl-C does not abort the create request, because the server might store the claim after that.
  const { claim, isNew } = await createClaim(name, request, scope);
  const mismatch = isNew ? undefined : findMismatch(claim, request, mayExist);
  if (mismatch !== undefined) return { kind: 'refused', refusal: mismatch };
  return await waitForAddress(claim, { isNew, signal }, scope);
}

/** Returns the auto-release period of a pool in seconds. Claims expire after it, so that a forgotten one leaks nothing. */
export async function autoReleaseSeconds(pool: string, scope: Scope): Promise<number | undefined> {
  const { spec } = await getMacPool(pool, scope);
  return spec.autoReleaseAfter === undefined ? undefined : parseDuration(spec.autoReleaseAfter);
}

async function dryRunClaim(
  name: string,
  request: ClaimRequest,
  { client, namespace }: Scope,
): Promise<CommandResult<Address>> {
  await client.create(macAllocations, claimObject(name, request, namespace), { dryRun: true });
  const message = `The claim would be created in namespace ${namespace}, from pool ${request.pool} (server dry run).`;
  return { kind: 'dry-run', message };
}

async function createClaim(
  name: string,
  request: ClaimRequest,
  { client, namespace }: Scope,
): Promise<{ readonly claim: MacAllocation; readonly isNew: boolean }> {
  const object = claimObject(name, request, namespace);
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

function claimObject(name: string, request: ClaimRequest, namespace: string): NewObject {
  const { labels } = request;
  const annotations = claimAnnotations(request);
  const metadata = { name, namespace, annotations, ...(labels !== undefined && { labels }) };
  return { metadata, spec: claimSpec(request) };
}

/** Refuses an existing claim that its name or the request key does not entitle the caller to. */
function findMismatch(
  { spec, metadata }: MacAllocation,
  request: ClaimRequest,
  mayExist: NamedClaim['mayExist'],
): CommandRefusal | undefined {
  if (mayExist === undefined) {
    return commandRefusal(`MacAllocation ${metadata.name} already exists.`, 'Try again.', 'conflict');
  }
  if (metadata.deletionTimestamp !== undefined) {
    return commandRefusal(`MacAllocation ${metadata.name} is being deleted.`, 'Try again when it is gone.', 'conflict');
  }
  if (isSameRequest(spec, request) && hasLabels(metadata, request)) return undefined;
  if (mayExist === 'by name') {
    return commandRefusal(
      `MacAllocation ${metadata.name} already exists, for another device, type or pool, or without these labels.`,
      'Choose another --name-prefix, or change its labels with `kubectl label`.',
      'conflict',
    );
  }
  return commandRefusal(
    `This request key already belongs to MacAllocation ${metadata.name}, for another device, type, pool or address.`,
    'Use a different key for each request.',
    'conflict',
  );
}

function isSameRequest(
  { pool, reserved = false, requestedMac, device = {} }: MacAllocation['spec'],
  request: ClaimRequest,
): boolean {
  const isSameDevice = (['id', 'type'] as const).every((part) => (device[part] ?? '') === (request.device[part] ?? ''));
  const isSameAddress = request.requestedMac === undefined || requestedMac === request.requestedMac;
  return isSameDevice && isSameAddress && pool === request.pool && reserved === (request.reserved ?? false);
}

function hasLabels({ labels: present = {} }: MacAllocation['metadata'], { labels = {} }: ClaimRequest): boolean {
  return Object.entries(labels).every(([key, value]) => present[key] === value);
}

async function waitForAddress(
  claim: MacAllocation,
  { isNew, signal }: { readonly isNew: boolean; readonly signal: AbortSignal },
  scope: Scope,
): Promise<CommandResult<Address>> {
  const { client, namespace, waitMs, progress } = scope;
  const { name } = claim.metadata;
  let waitingFor = NOT_SEEN_YET;
  const check = async (): Promise<CommandResult<Address> | undefined> => {
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
  let polled: Polled<CommandResult<Address>>;
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
    return { kind: 'refused', refusal: commandRefusal(`Interrupted: ${what}.`, 'No address is held.') };
  }
  return {
    kind: 'refused',
    refusal: commandRefusal(
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
