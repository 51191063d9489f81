import { type ConsumerRef, isMirror, type MacAllocationSpec } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import type { Address, CommandResult, TransferRequest } from '../backend.ts';
import { type CommandRefusal, commandRefusal, UserError } from '../errors.ts';
import { watchInterruption } from '../interruption.ts';
import { objectNamed } from '../parse-owner.ts';
import { addressOfAllocation } from './address-of-allocation.ts';
import { evaluateClaim, NOT_SEEN_YET } from './evaluate-claim.ts';
import { findAllocations } from './find-claims.ts';
import { poll } from './poll.ts';
import { reasonAnnotation } from './reason-annotation.ts';
import type { Scope } from './scope.ts';

interface Target {
  readonly namespace: string;
  readonly name: string;
}

/** What the command did so far, and may have to undo. */
interface Begun {
  readonly source: MacAllocation;
  readonly target: MacAllocation;
  readonly isNew: boolean;
}

/**
 * Hands the address of a claim over to a claim of another namespace: annotates the first one with the name of the second one,
 * creates the second one, and waits until the operator has moved the address. A repeated call goes on where the last one ended.
 *
 * The API server is asked first whether the user may do both, so a missing right leaves nothing behind.
 */
export async function transferClaim(
  { mac, to, reason }: TransferRequest,
  scope: Scope,
): Promise<CommandResult<Address>> {
  const target = parseTarget(to);
  const existing = await scope.client.find(macAllocations, target);
  const done = existing && addressIfMoved(existing, mac);
  if (done !== undefined) return { kind: 'done', value: done };
  const [source, ...others] = await findAllocations({ kind: 'mac', text: mac, mac }, scope);
  const refusal =
    others.length > 0 ? refuseTwo(mac) : (refuseSource(source, mac, scope) ?? refuseTarget(existing, mac, to));
  if (source === undefined || refusal !== undefined)
    return { kind: 'refused', refusal: refusal ?? notFound(mac, scope) };
  await consent(source, to, { dryRun: true }, scope);
  const object = { metadata: { ...target, ...reasonAnnotation(reason) }, spec: targetSpec(source, mac) };
  if (existing === undefined) await scope.client.create(macAllocations, object, { dryRun: true });
  if (scope.dryRun) {
    const from = `${source.metadata.namespace ?? ''}/${source.metadata.name}`;
    return { kind: 'dry-run', message: `${mac} would be handed over from claim ${from} to ${to} (server dry run).` };
  }
  await consent(source, to, {}, scope);
  const created = existing ?? (await createOrTakeBack(object, source, scope));
  return await waitForTransfer({ source, target: created, isNew: existing === undefined }, mac, scope);
}

function parseTarget(to: string): Target {
  const { kind, namespace, name } = objectNamed(to) ?? {};
  if (kind === undefined && namespace !== undefined && name !== undefined) return { namespace, name };
  throw new UserError(`${JSON.stringify(to)} names no claim.`, 'Write it as namespace/name.', 'usage');
}

/** Returns the address if the claim has it already: an earlier call did that. */
function addressIfMoved(target: MacAllocation, mac: MacAddress): Address | undefined {
  return !isMirror(target) && target.status?.mac === mac ? addressOfAllocation(target) : undefined;
}

function notFound(mac: MacAddress, { namespace, allNamespaces }: Scope): CommandRefusal {
  return commandRefusal(
    `No claim ${allNamespaces ? 'of this cluster' : `in namespace ${namespace}`} holds ${mac}.`,
    'Name the namespace of the claim with -n, or see who holds the address with `kubectl rock-mac show`.',
    'notFound',
  );
}

function refuseTwo(mac: MacAddress): CommandRefusal {
  return commandRefusal(
    `Several MacAllocations show ${mac}.`,
    'See `kubectl get macallocations -A`, then try again.',
    'conflict',
  );
}

/** Returns why the address cannot be handed over, or `undefined`. */
function refuseSource(source: MacAllocation | undefined, mac: MacAddress, scope: Scope): CommandRefusal | undefined {
  if (source === undefined) return notFound(mac, scope);
  const { consumerRef } = source.spec;
  if (consumerRef !== undefined) return refuseWorkload(mac, consumerRef, source);
  const consumer = source.status?.consumer;
  if (consumer === undefined) return undefined;
  return commandRefusal(
    `${mac} is used by ${nameOf(consumer, source)}, so it was not handed over.`,
    `Delete the ${consumer.kind.toLowerCase()} first.`,
    'conflict',
  );
}

function refuseWorkload(mac: MacAddress, owner: ConsumerRef, source: MacAllocation): CommandRefusal {
  const next =
    owner.kind === 'VirtualMachine'
      ? 'See docs/virtual-machines.md for machines that move to another namespace.'
      : 'An address that should outlive its pod needs a claim.';
  return commandRefusal(
    `${mac} is held by ${nameOf(owner, source)}, and only claims are handed over.`,
    next,
    'conflict',
  );
}

function nameOf({ kind, name }: ConsumerRef, { metadata: { namespace = '' } }: MacAllocation): string {
  return `${kind} ${namespace}/${name}`;
}

/** Returns why an existing claim cannot get the address, or `undefined`. */
function refuseTarget(target: MacAllocation | undefined, mac: MacAddress, to: string): CommandRefusal | undefined {
  if (target === undefined) return undefined;
  const requested = parseMac(target.spec.requestedMac ?? '');
  if (requested.ok && requested.mac === mac && target.status?.mac === undefined) return undefined;
  return commandRefusal(
    `MacAllocation ${to} exists already, and does not wait for ${mac}.`,
    'Choose another name, or delete it first.',
    'conflict',
  );
}

/** The claim that gets the address is like the one that has it, with the address in its spec. */
function targetSpec({ spec }: MacAllocation, requestedMac: MacAddress): MacAllocationSpec {
  const { pool, device, attributes, reserved, expiresAfter } = spec;
  return { pool, device, attributes, reserved, expiresAfter, requestedMac };
}

async function consent(
  { metadata: { namespace, name, uid } }: MacAllocation,
  to: string | null,
  options: { readonly dryRun?: boolean },
  { client }: Scope,
): Promise<void> {
  const body = { metadata: { uid, annotations: { [ANNOTATIONS.transferTo]: to } } };
  await client.patch(macAllocations, { namespace, name }, { type: 'merge', body }, { ...options, repeatable: true });
}

async function createOrTakeBack(object: NewObject, source: MacAllocation, scope: Scope): Promise<MacAllocation> {
  try {
    return await scope.client.create(macAllocations, object);
  } catch (error) {
    await consent(source, null, {}, scope);
    throw error;
  }
}

/** Waits until the second claim has the address and the first one is gone. */
async function waitForTransfer(begun: Begun, mac: MacAddress, scope: Scope): Promise<CommandResult<Address>> {
  const { client, waitMs, progress } = scope;
  const { source, target, isNew } = begun;
  const { namespace, name } = target.metadata;
  const interruption = watchInterruption(process);
  let waitingFor = NOT_SEEN_YET;
  const check = async (): Promise<CommandResult<Address> | undefined> => {
    const current = await client.get(macAllocations, { namespace, name });
    const moved = addressIfMoved(current, mac);
    if (moved !== undefined) return (await isGone(source, scope)) ? { kind: 'done', value: moved } : undefined;
    const claimProgress = evaluateClaim(current);
    // An existing claim may still show why it did not get the address before.
    if (claimProgress.state === 'refused' && isNew) return { kind: 'refused', refusal: claimProgress.refusal };
    if (claimProgress.state === 'waiting') ({ waitingFor } = claimProgress);
    if (claimProgress.state === 'refused') waitingFor = claimProgress.refusal.nextStep;
    progress(`Waiting for MacAllocation ${namespace ?? ''}/${name}: ${waitingFor}`);
    return undefined;
  };
  try {
    const polled = await poll(check, { withinMs: waitMs, signal: interruption.signal });
    if (polled.state === 'done') {
      if (polled.value.kind === 'refused') await undo(begun, scope);
      return polled.value;
    }
    const cause = `MacAllocation ${namespace ?? ''}/${name} does not have ${mac} yet (${waitingFor}).`;
    const next = 'The operator goes on by itself. Run the command again to wait, or delete that MacAllocation to stop.';
    return { kind: 'refused', refusal: commandRefusal(cause, next, 'unavailable') };
  } finally {
    interruption.stop();
    progress('');
  }
}

/** Otherwise the address would be handed over later, when the reason of the refusal is gone. */
async function undo({ source, target: { metadata } }: Begun, scope: Scope): Promise<void> {
  const { namespace, name, uid } = metadata;
  await consent(source, null, {}, scope);
  await scope.client.delete(macAllocations, { namespace, name }, { uid });
  scope.notify(`MacAllocation ${namespace ?? ''}/${name} was deleted again.`);
}

async function isGone({ metadata: { namespace, name, uid } }: MacAllocation, { client }: Scope): Promise<boolean> {
  return (await client.find(macAllocations, { namespace, name }))?.metadata.uid !== uid;
}
