import type { JsonPatchOperation } from '../../kube/client/json-patch.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import type { Decision, InterfaceRequest } from './decide-interfaces.ts';

/** A request to the ledger for the address of one interface. */
export interface AddressRequest {
  readonly nic: string;
  /** The address that the author wrote. Absent: the next free one. */
  readonly requested?: MacAddress;
  /** The address that the object brings along from an earlier admission or from the object that it was copied from. */
  readonly copied?: MacAddress;
  /** The claim that the author named. */
  readonly claim?: string;
  /** Present if the address belongs to the name of the object: then it may get the one that the name already has. */
  readonly sticky?: ByName;
  /** The pool that the object or its network names. Absent: that of the namespace. */
  readonly pool?: ChosenPool;
}

/** Returns the same interface and pool, for a request of another kind. */
export function sameInterface({ nic, pool }: AddressRequest): Pick<AddressRequest, 'nic' | 'pool'> {
  return pool === undefined ? { nic } : { nic, pool };
}

/** A pool that is named closer to the workload than by its namespace. */
export interface ChosenPool {
  readonly name: string;
  /** For people: the annotation, and what has it. */
  readonly namedBy: string;
  /** Whether the namespace has it, or somebody with the right to use it there has given it to the namespace. */
  readonly isGranted: boolean;
}

/** A request for the address that belongs to the name of an object. */
export interface ByName {
  /** The name of the sticky claim that shows this address. */
  readonly claim: string;
  /** How many addresses that belong to unused names the namespace may have. Absent: any number. */
  readonly unusedLimit?: number | undefined;
}

/** An address under no prefix of the ledger that the author of an interface wrote. */
export interface OutsideAddress {
  readonly nic: string;
  readonly mac: MacAddress;
  /** `namespace/name` of the network, as far as the plan knows it. */
  readonly network?: string | undefined;
}

/** Returns the addresses under no prefix of the ledger. */
export function outsideAddresses(
  interfaces: readonly InterfaceRequest[],
  decisions: readonly Decision[],
): readonly OutsideAddress[] {
  return interfaces.flatMap(({ nic, network }, index) => {
    const decision = decisions[index];
    return decision?.kind === 'none' && decision.outside !== undefined ? [{ nic, mac: decision.outside, network }] : [];
  });
}

/** What an incoming object needs from the ledger, and how it is patched afterwards. */
export interface Plan {
  readonly addressRequests: readonly AddressRequest[];
  /** The networks of interfaces by their names: `namespace/name`, or a name in the namespace of the object. */
  readonly networks: ReadonlyMap<string, string>;
  /** The labels of the claims whose addresses all requests get. */
  readonly selector?: string;
  readonly warnings: readonly string[];
  /** The addresses under no prefix of the ledger that the author wrote. They stay as they are. */
  readonly outside?: readonly OutsideAddress[];
  /** The object cannot get its addresses after it was stored, so it is refused while the ledger is away. */
  readonly cannotWait?: boolean;
  /** Returns the patch. `macs[i]` is the address for `addressRequests[i]`, or `undefined` if none was allocated. */
  readonly patch: (
    macs: readonly (MacAddress | undefined)[],
    leaseId: string | undefined,
    stockToken?: string,
  ) => readonly JsonPatchOperation[];
}

export type Planned =
  { readonly ok: true; readonly plan: Plan } | { readonly ok: false; readonly refusal: AdmissionRefusal };

/** The requests to the ledger, and the way back from their addresses to all interfaces. */
export interface AddressRequests {
  readonly addressRequests: readonly AddressRequest[];
  readonly networks: Plan['networks'];
  /** Returns the address for each interface, or `undefined` where the text of the author stays. */
  readonly macsByInterface: (macs: readonly (MacAddress | undefined)[]) => readonly (MacAddress | undefined)[];
}

export function toAddressRequests(
  interfaces: readonly InterfaceRequest[],
  decisions: readonly Decision[],
): AddressRequests {
  const addressRequests: AddressRequest[] = [];
  /** For each interface the index of its address request, or the address that is already known. */
  const sources = interfaces.map(({ nic }, index): number | MacAddress | undefined => {
    const decision = decisions[index] ?? { kind: 'none' };
    if (decision.kind === 'none') return undefined;
    if (decision.kind === 'restore') return decision.mac;
    addressRequests.push(toAddressRequest(nic, decision));
    return addressRequests.length - 1;
  });
  return {
    addressRequests,
    networks: new Map(
      interfaces.flatMap(({ nic, network }) => (network === undefined ? [] : [[nic, network] as const])),
    ),
    macsByInterface: (macs) => sources.map((source) => (typeof source === 'number' ? macs[source] : source)),
  };
}

function toAddressRequest(nic: string, decision: Exclude<Decision, { kind: 'none' | 'restore' }>): AddressRequest {
  switch (decision.kind) {
    case 'next':
      return { nic };
    case 'requested':
      return { nic, requested: decision.mac };
    case 'copied':
      return { nic, copied: decision.mac };
    case 'claim':
      return { nic, claim: decision.claim, ...(decision.requested !== undefined && { requested: decision.requested }) };
  }
}

/** Returns the warnings for the author. An interface with a written address of another prefix has none. */
export function warningsOf(interfaces: readonly InterfaceRequest[], decisions: readonly Decision[]): readonly string[] {
  return interfaces.flatMap(({ writtenMac, warning }, index) => {
    const leftAlone = writtenMac !== undefined && decisions[index]?.kind === 'none';
    return warning === undefined || leftAlone ? [] : [`rock-mac: ${warning}`];
  });
}
