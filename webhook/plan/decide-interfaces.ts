import { PRIMARY_NIC } from '../../api/pod-nics.ts';
import { type MacAddress, type MacRefusal, parseAnyMac, parseMac } from '../../mac/mac-address.ts';
import { type Prefixes, underAny } from '../../mac/mac-range.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import { malformed } from '../review/refusal.ts';

/** An interface of an incoming object, on any kind of network. */
export interface InterfaceRequest {
  /** The name in the ledger, unique within the object. */
  readonly nic: string;
  /** `namespace/name` of its network and the interface name in the pod, for the addresses annotation. */
  readonly network?: string | undefined;
  readonly interfaceName?: string | undefined;
  /** The MAC that the author wrote, unchecked. */
  readonly writtenMac?: string | undefined;
  /** In an update: the address of the stored object. It is restored where the update dropped it. */
  readonly storedMac?: MacAddress | undefined;
  /** In an update: an address under no prefix of the ledger that the stored object has here too. */
  readonly keptMac?: MacAddress | undefined;
  /** Whether the interface gets an address if the author wrote none. */
  readonly wantsAddress: boolean;
  /** What the author should know about that. */
  readonly warning?: string | undefined;
  /** The claim whose address the interface gets. */
  readonly claim?: string | undefined;
}

/** What happens to one interface. */
export type Decision =
  /** It gets the next free address. */
  | { readonly kind: 'next' }
  /** It gets the address that its author wrote. */
  | { readonly kind: 'requested'; readonly mac: MacAddress }
  /** It brings along an address that the webhook wrote. The ledger knows for which object. */
  | { readonly kind: 'copied'; readonly mac: MacAddress }
  | { readonly kind: 'claim'; readonly claim: string; readonly requested?: MacAddress }
  /** It gets the address of the stored object back, without a request to the ledger. */
  | { readonly kind: 'restore'; readonly mac: MacAddress }
  /** It stays as it is. Its author may have written an address under no prefix of the ledger. */
  | { readonly kind: 'none'; readonly outside?: MacAddress };

export type Decisions =
  | { readonly ok: true; readonly decisions: readonly Decision[] }
  | { readonly ok: false; readonly refusal: AdmissionRefusal };

const PROBLEMS: Readonly<Record<MacRefusal, string>> = {
  malformed: 'not a MAC address',
  multicast: 'a multicast address, which no interface may own',
  broadcast: 'the broadcast address',
  zero: 'all zero',
};

/**
 * Decides what happens to each interface. `copied` are addresses that the webhook wrote into this object, or into the one
 * that it was copied from.
 */
export function decideInterfaces(
  interfaces: readonly InterfaceRequest[],
  { prefixes, copied = new Set() }: { readonly prefixes: Prefixes; readonly copied?: ReadonlySet<MacAddress> },
): Decisions {
  const repeatedNic = firstRepeated(interfaces.map(({ nic }) => nic));
  if (repeatedNic !== undefined) {
    return refuseDecisions(
      repeatedNic === PRIMARY_NIC
        ? `${PRIMARY_NIC} is the name of the pod's own interface here, so no other network can have it.\nName the interface of the network otherwise.`
        : `Two networks of this object have the interface name ${repeatedNic}.\nGive each its own name.`,
    );
  }
  const decisions: Decision[] = [];
  for (const each of interfaces) {
    const decision = decide(each, copied, prefixes);
    if ('why' in decision) {
      const text = JSON.stringify(each.writtenMac?.slice(0, 32));
      return refuseDecisions(
        `MAC ${text} of interface ${each.nic} is ${PROBLEMS[decision.why]}.\nCorrect it, or leave it out to get one.`,
      );
    }
    decisions.push(decision);
  }
  const used = decisions.flatMap((decision, index) => usedMacs(decision, interfaces[index]));
  const kept = new Set(interfaces.flatMap(({ keptMac }) => keptMac ?? []));
  // An update is not refused for addresses that were stored before.
  const shared = firstRepeated(used) ?? used.find((mac) => kept.has(mac));
  if (shared !== undefined) {
    return refuseDecisions(
      `MAC ${shared} is on two interfaces of this object.\nLeave it out of one of them to get another.`,
    );
  }
  return { ok: true, decisions };
}

function decide(
  request: InterfaceRequest,
  copied: ReadonlySet<MacAddress>,
  prefixes: Prefixes,
): Decision | { readonly why: MacRefusal } {
  const { writtenMac, storedMac, claim } = request;
  if (writtenMac === undefined || writtenMac === '') return decideWithoutMac(request);
  if (LONGER_ADDRESS.test(writtenMac)) return { kind: 'none' };
  const parsed = parseMac(writtenMac);
  if (!parsed.ok) return { why: parsed.why };
  const { mac } = parsed;
  if (mac === storedMac) return { kind: 'none' };
  // Also on a network that ignores addresses: the author wants one in the annotation, and two pods must not name the same.
  if (copied.has(mac)) return claim === undefined ? { kind: 'copied', mac } : { kind: 'claim', claim };
  if (claim !== undefined) return { kind: 'claim', claim, requested: mac };
  return underAny(mac, prefixes) ? { kind: 'requested', mac } : { kind: 'none', outside: mac };
}

function decideWithoutMac({ storedMac, wantsAddress, claim }: InterfaceRequest): Decision {
  if (storedMac !== undefined) return { kind: 'restore', mac: storedMac };
  if (!wantsAddress) return { kind: 'none' };
  return claim === undefined ? { kind: 'next' } : { kind: 'claim', claim };
}

/**
 * EUI-64 and the 20 octets of IP over InfiniBand, in the notations that CNI plugins read: octets, or dotted groups of two. The
 * ledger never allocates such addresses.
 */
const LONGER_ADDRESS =
  /^(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){6}(?:[0-9a-f]{2}\1){0,12}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){3}(?:(?:[0-9a-f]{4}\.){6})?[0-9a-f]{4})$/i;

/** Returns the address that the interface will use, as far as it is known before the ledger responds. */
function usedMacs(decision: Decision, request: InterfaceRequest | undefined): readonly MacAddress[] {
  if (decision.kind === 'requested' || decision.kind === 'restore') return [decision.mac];
  if (decision.kind !== 'none') return [];
  const mac = parseAnyMac(request?.writtenMac ?? '');
  return mac === undefined ? [] : [mac];
}

function firstRepeated<T>(values: readonly T[]): T | undefined {
  const seen = new Set<T>();
  return values.find((value) => seen.size === seen.add(value).size);
}

function refuseDecisions(message: string): Decisions {
  return { ok: false, refusal: malformed(message) };
}
