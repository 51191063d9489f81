import { z } from 'zod';
import { ANNOTATIONS } from '../../api/names.ts';
import { ourMac, unicastMac } from '../../api/nic.ts';
import { type Annotations, type JsonPatchOperation, pointer, setAnnotations } from '../../kube/client/json-patch.ts';
import { type MacAddress, parseAnyMac } from '../../mac/mac-address.ts';
import type { Prefixes } from '../../mac/mac-range.ts';
import { withClaims, withClaimsOfUpdate } from './claims-annotation.ts';
import { decideInterfaces, type InterfaceRequest } from './decide-interfaces.ts';
import { outsideAddresses, type Planned, toAddressRequests, warningsOf } from './plan.ts';
import { type MachineInterface, machineInterfaces } from './vm-interfaces.ts';

/** A VirtualMachine or VirtualMachineInstance as it comes in. It stays raw, because a patch must lose nothing. */
export interface IncomingMachine {
  readonly metadata?: { readonly annotations?: Annotations | undefined } | undefined;
  readonly spec?: unknown;
}

const MACHINE_INTERFACES = ['spec', 'template', 'spec', 'domain', 'devices', 'interfaces'];
const INSTANCE_INTERFACES = ['spec', 'domain', 'devices', 'interfaces'];

/**
 * Decides which interfaces of a VirtualMachine get an address. In a new machine all of them do. In a stored machine those
 * do that it did not have before (hotplug).
 *
 * An interface that lost its address gets it back; every re-apply of a manifest and every update by a VirtualMachinePool
 * drops it. A stored interface without an address gets one only when the machine is started: on a running machine,
 * KubeVirt would require a restart.
 */
export function planVm(vm: IncomingMachine, stored: IncomingMachine | undefined, prefixes: Prefixes): Planned {
  const spec = templateSpec(vm);
  if (stored === undefined) return planNew(vm, spec, MACHINE_INTERFACES, prefixes);
  const interfaces = machineInterfaces(spec);
  const before = new Map(machineInterfaces(templateSpec(stored)).map((each) => [each.name, each]));
  const starts = isHalted(stored) && !isHalted(vm);
  const requests = interfaces.map((each) => requestOfUpdate(each, before.get(each.name), { starts, prefixes }));
  const annotation = vm.metadata?.annotations?.[ANNOTATIONS.allocation];
  return plan(interfaces, withClaimsOfUpdate(requests, annotation), MACHINE_INTERFACES, { prefixes });
}

/** Decides the same for a VirtualMachineInstance that no machine owns. Its interfaces never change. */
export function planVmi(instance: IncomingMachine, prefixes: Prefixes): Planned {
  return planNew(instance, instance.spec, INSTANCE_INTERFACES, prefixes);
}

/**
 * KubeVirt writes it into a machine that it makes from another one (a clone, a restore), together with the annotations of
 * that machine. So the author of this machine did not name the claim, which its source uses, or the receiver of the source's addresses.
 */
const RESTORED = 'restore.kubevirt.io/lastRestoreUID';

function planNew(machine: IncomingMachine, spec: unknown, path: readonly string[], prefixes: Prefixes): Planned {
  const annotations = machine.metadata?.annotations ?? {};
  const copied = copiedInto(annotations);
  const claim = copied.some(({ annotation }) => annotation === ANNOTATIONS.allocation)
    ? undefined
    : annotations[ANNOTATIONS.allocation];
  const interfaces = machineInterfaces(spec);
  const claimed = withClaims(interfaces.map(newRequest), claim);
  if (!claimed.ok) return claimed;
  return plan(interfaces, claimed.requests, path, {
    prefixes,
    warnings: [
      ...(interfaces.length === 0 && attachesInterface(spec) ? [NO_INTERFACE] : []),
      ...copied.map(({ warning }) => warning),
    ],
    // An incoming lease id belongs to the object that this one was copied from, so it is replaced.
    annotate: (leaseId) =>
      setAnnotations(machine.metadata?.annotations, {
        [ANNOTATIONS.lease]: leaseId,
        ...Object.fromEntries(copied.map(({ annotation }) => [annotation, undefined])),
      }),
  });
}

const NO_INTERFACE =
  'rock-mac: this machine names no interface; the interface that KubeVirt adds gets no address of rock-mac';

/** What only concerns the machine that was copied. */
const COPIED = [
  {
    annotation: ANNOTATIONS.allocation,
    warning: `rock-mac: annotation ${ANNOTATIONS.allocation} was removed: KubeVirt copied it from the machine that uses the claim. This machine gets an address of its own`,
  },
  {
    annotation: ANNOTATIONS.transferTo,
    warning: `rock-mac: annotation ${ANNOTATIONS.transferTo} was removed: KubeVirt copied it from the machine that offers its addresses. Annotate this machine to offer its own`,
  },
  {
    annotation: ANNOTATIONS.pool,
    warning: `rock-mac: annotation ${ANNOTATIONS.pool} was removed: KubeVirt copied it from another machine, and has no right to use the pool. Annotate this machine to have the next addresses from it`,
  },
];

/** Returns the pool that the author of a machine named. KubeVirt names none when it copies a machine. */
export function poolOfMachine(
  { metadata }: IncomingMachine,
  { isNew }: { readonly isNew: boolean },
): string | undefined {
  const { annotations = {} } = metadata ?? {};
  return isNew && annotations[RESTORED] !== undefined ? undefined : annotations[ANNOTATIONS.pool];
}

function copiedInto(annotations: Annotations) {
  if (annotations[RESTORED] === undefined) return [];
  return COPIED.filter(({ annotation }) => annotations[annotation] !== undefined);
}

const attachSchema = z.object({ domain: z.object({ devices: z.object({ autoattachPodInterface: z.boolean() }) }) });

/** Returns whether KubeVirt adds an interface to a machine without any. */
function attachesInterface(spec: unknown): boolean {
  return attachSchema.safeParse(spec).data?.domain.devices.autoattachPodInterface ?? true;
}

function newRequest({ name, network, mac, passedOn }: MachineInterface): InterfaceRequest {
  const effect = (mac ?? '') === '' ? 'got no address' : 'has an address that is not used';
  return {
    nic: name,
    network,
    writtenMac: mac,
    wantsAddress: passedOn,
    ...(!passedOn && { warning: `interface ${name} ${effect}: KubeVirt passes no address on there` }),
  };
}

function requestOfUpdate(
  now: MachineInterface,
  before: MachineInterface | undefined,
  { starts, prefixes }: { readonly starts: boolean; readonly prefixes: Prefixes },
): InterfaceRequest {
  if (before === undefined) return newRequest(now);
  const { name, network, mac, passedOn } = now;
  const storedMac = ourMac(before.mac, prefixes);
  const isUntouched = mac !== undefined && mac === before.mac;
  // An update is not refused for a text that was stored before, even if it is no valid address.
  if (isUntouched && storedMac === undefined) return { nic: name, wantsAddress: false, keptMac: unicastMac(mac) };
  const waits = passedOn && !starts && (mac ?? '') === '' && storedMac === undefined;
  return {
    nic: name,
    network,
    writtenMac: mac,
    storedMac,
    wantsAddress: passedOn && starts,
    ...(waits && { warning: `interface ${name} gets its address when the machine is stopped and started` }),
  };
}

interface PlanOptions {
  readonly prefixes: Prefixes;
  readonly warnings?: readonly string[];
  /** Returns the operations on the annotations of a new machine. */
  readonly annotate?: (leaseId: string | undefined) => readonly JsonPatchOperation[];
}

function plan(
  interfaces: readonly MachineInterface[],
  requests: readonly InterfaceRequest[],
  path: readonly string[],
  { prefixes, warnings = [], annotate = () => [] }: PlanOptions,
): Planned {
  const decided = decideInterfaces(requests, { prefixes });
  if (!decided.ok) return decided;
  const { addressRequests, networks, macsByInterface } = toAddressRequests(requests, decided.decisions);
  return {
    ok: true,
    plan: {
      addressRequests,
      networks,
      warnings: [...warnings, ...warningsOf(requests, decided.decisions)],
      outside: outsideAddresses(requests, decided.decisions),
      patch: (macs, leaseId) => {
        const byRequest = macsByInterface(macs);
        const written = interfaces.flatMap((each, index) => macOperation(each, byRequest[index], path));
        return [...written, ...annotate(leaseId)];
      },
    },
  };
}

/** A written address keeps its notation: on a running machine KubeVirt treats another notation as a change. */
function macOperation(
  { index, mac: given }: MachineInterface,
  mac: MacAddress | undefined,
  path: readonly string[],
): readonly JsonPatchOperation[] {
  if (mac === undefined || parseAnyMac(given ?? '') === mac) return [];
  return [{ op: 'add', path: pointer(...path, index, 'macAddress'), value: mac }];
}

const templateSchema = z.object({ template: z.object({ spec: z.unknown() }) });

function templateSpec({ spec }: IncomingMachine): unknown {
  return templateSchema.safeParse(spec).data?.template.spec;
}

/**
 * Returns whether the machine waits for a guest that migrates from another machine, also of another namespace or cluster
 * (https://kubevirt.io/user-guide/compute/decentralized_live_migration/).
 */
export function waitsAsReceiver({ spec }: IncomingMachine): boolean {
  return runSchema.safeParse(spec).data?.runStrategy === 'WaitAsReceiver';
}

const runSchema = z.object({ running: z.boolean().nullish(), runStrategy: z.string().nullish() });

/** KubeVirt treats a machine with neither field as halted. */
function isHalted({ spec }: IncomingMachine): boolean {
  const { running, runStrategy } = runSchema.safeParse(spec).data ?? {};
  return (runStrategy ?? (running === true ? 'Always' : 'Halted')) === 'Halted';
}
