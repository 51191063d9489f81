import { z } from 'zod';
import { ANNOTATIONS } from '../../api/names.ts';
import { ourMac } from '../../api/nic.ts';
import { pointer, setAnnotations, type Annotations, type JsonPatchOperation } from '../../kube/client/json-patch.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import { withClaims, withClaimsOfUpdate } from './claims-annotation.ts';
import { ledgerRequestsOf, warningsOf, type Planned } from './plan.ts';
import { decideInterfaces, type InterfaceRequest } from './decide-interfaces.ts';
import { machineInterfaces, type MachineInterface } from './vm-interfaces.ts';

/** A VirtualMachine or VirtualMachineInstance as it comes in: raw, since a patch must lose nothing. */
export interface IncomingMachine {
  readonly metadata?: { readonly annotations?: Annotations | undefined } | undefined;
  readonly spec?: unknown;
}

const MACHINE_INTERFACES = ['spec', 'template', 'spec', 'domain', 'devices', 'interfaces'];
const INSTANCE_INTERFACES = ['spec', 'domain', 'devices', 'interfaces'];

/**
 * Decides which interfaces of a VirtualMachine get an address: of a new one all, of a stored one those that it did not
 * have before (hotplug). An interface that lost its address, as at every re-apply of a manifest and at every update by a
 * VirtualMachinePool, gets it back. What the stored machine has without an address is filled only when it is started:
 * while it runs, KubeVirt would ask for a restart.
 */
export function planVm(vm: IncomingMachine, stored: IncomingMachine | undefined, prefix: MacPrefix): Planned {
  const interfaces = machineInterfaces(templateSpec(vm));
  if (stored === undefined) return planNew(vm, interfaces, MACHINE_INTERFACES, prefix);
  const before = new Map(machineInterfaces(templateSpec(stored)).map((each) => [each.name, each]));
  const starts = isHalted(stored) && !isHalted(vm);
  const requests = interfaces.map((each) => requestOfUpdate(each, before.get(each.name), { starts, prefix }));
  const annotation = vm.metadata?.annotations?.[ANNOTATIONS.allocation];
  return plan(interfaces, withClaimsOfUpdate(requests, annotation), MACHINE_INTERFACES, { prefix });
}

/** The same for a VirtualMachineInstance that no machine owns: it is only made, and never changed. */
export function planVmi(instance: IncomingMachine, prefix: MacPrefix): Planned {
  return planNew(instance, machineInterfaces(instance.spec), INSTANCE_INTERFACES, prefix);
}

function planNew(
  machine: IncomingMachine,
  interfaces: readonly MachineInterface[],
  path: readonly string[],
  prefix: MacPrefix,
): Planned {
  const annotations = machine.metadata?.annotations;
  const claimed = withClaims(interfaces.map(newRequest), annotations?.[ANNOTATIONS.allocation]);
  if (!claimed.ok) return claimed;
  return plan(interfaces, claimed.requests, path, { prefix, annotations, isNew: true });
}

function newRequest({ name, mac, passedOn }: MachineInterface): InterfaceRequest {
  const fate = (mac ?? '') === '' ? 'got no address' : 'has an address that is not used';
  return {
    nic: name,
    given: mac,
    gets: passedOn,
    ...(!passedOn && { warning: `interface ${name} ${fate}: KubeVirt does not pass one on there` }),
  };
}

function requestOfUpdate(
  now: MachineInterface,
  before: MachineInterface | undefined,
  { starts, prefix }: { readonly starts: boolean; readonly prefix: MacPrefix },
): InterfaceRequest {
  if (before === undefined) return newRequest(now);
  const { name, mac, passedOn } = now;
  const carried = ourMac(before.mac, prefix);
  const isUntouched = mac !== undefined && mac === before.mac;
  // What was stored as it is, an odd address included, is no news that an update may be refused for.
  if (isUntouched && carried === undefined) return { nic: name, gets: false };
  const waits = passedOn && !starts && (mac ?? '') === '' && carried === undefined;
  return {
    nic: name,
    given: mac,
    before: carried,
    gets: passedOn && starts,
    ...(waits && { warning: `interface ${name} gets its address when the machine is stopped and started` }),
  };
}

interface Rest {
  readonly prefix: MacPrefix;
  readonly annotations?: Annotations | undefined;
  readonly isNew?: boolean;
}

function plan(
  interfaces: readonly MachineInterface[],
  requests: readonly InterfaceRequest[],
  path: readonly string[],
  { prefix, annotations, isNew = false }: Rest,
): Planned {
  const decided = decideInterfaces(requests, { prefix });
  if (!decided.ok) return decided;
  const { nics, answers } = ledgerRequestsOf(requests, decided.decisions);
  const warnings = [...warningsOf(requests, decided.decisions)];
  if (isNew && requests.length === 0) {
    warnings.push('rock-mac: this machine names no interface; the one that KubeVirt adds has a random address');
  }
  return {
    ok: true,
    plan: {
      nics,
      warnings,
      patch: (macs, leaseId) => {
        const byRequest = answers(macs);
        const written = interfaces.flatMap((each, index) => macOperation(each, byRequest[index], path));
        // A lease id that came with it is that of the object it was copied from.
        return isNew ? [...written, ...setAnnotations(annotations, { [ANNOTATIONS.lease]: leaseId })] : written;
      },
    },
  };
}

/** What its author wrote stays as it is written: to KubeVirt, another notation on a running machine is a change. */
function macOperation(
  { index, mac: given }: MachineInterface,
  mac: MacAddress | undefined,
  path: readonly string[],
): readonly JsonPatchOperation[] {
  if (mac === undefined || (given ?? '') !== '') return [];
  return [{ op: 'add', path: pointer(...path, index, 'macAddress'), value: mac }];
}

const templateSchema = z.object({ template: z.object({ spec: z.unknown() }) });

function templateSpec({ spec }: IncomingMachine): unknown {
  return templateSchema.safeParse(spec).data?.template.spec;
}

const runSchema = z.object({ running: z.boolean().nullish(), runStrategy: z.string().nullish() });

/** KubeVirt takes a machine that says neither for halted. */
function isHalted({ spec }: IncomingMachine): boolean {
  const { running, runStrategy } = runSchema.safeParse(spec).data ?? {};
  return (runStrategy ?? (running === true ? 'Always' : 'Halted')) === 'Halted';
}
