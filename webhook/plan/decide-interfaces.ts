import { parseAnyMac, parseMac, type MacAddress, type MacRefusal } from '../../mac/mac-address.ts';
import { hasPrefix, type MacPrefix } from '../../mac/mac-range.ts';
import type { Refusal } from '../server/admission-review.ts';
import { malformed } from '../refuse/refusal.ts';

/** An interface of an incoming object, whatever kind of network it is on: a place for one address. */
export interface InterfaceRequest {
  /** Its name in the ledger: tells it from the others of its object. */
  readonly nic: string;
  /** `namespace/name` of its network and the name in the pod, where it has them: for the reader of the answer. */
  readonly network?: string | undefined;
  readonly interfaceName?: string | undefined;
  /** The MAC as the object's author wrote it, unchecked. */
  readonly given?: string | undefined;
  /** What the stored object carries here, in an update. It comes back where the update dropped it. */
  readonly before?: MacAddress | undefined;
  /** Whether it gets an address when none is given. */
  readonly gets: boolean;
  /** What its author should know about that. */
  readonly warning?: string | undefined;
  /** The claim whose address it is to have. */
  readonly claim?: string | undefined;
}

/** What becomes of a slot. */
export type Decision =
  | { readonly kind: 'next' }
  | { readonly kind: 'this'; readonly mac: MacAddress }
  | { readonly kind: 'claim'; readonly claim: string; readonly given?: MacAddress }
  /** Put back what the stored object carries: nobody is asked. */
  | { readonly kind: 'keep'; readonly mac: MacAddress }
  | { readonly kind: 'none' };

export type Decided =
  { readonly ok: true; readonly decisions: readonly Decision[] } | { readonly ok: false; readonly refusal: Refusal };

const WHY: Readonly<Record<MacRefusal, string>> = {
  malformed: 'not a MAC address',
  multicast: 'a multicast address, which no interface may own',
  broadcast: 'the broadcast address',
  zero: 'all zero',
};

/** Decides for each slot, without asking anybody. `copied` are addresses that another object is known to carry. */
export function decideInterfaces(
  requests: readonly InterfaceRequest[],
  { prefix, copied = new Set() }: { readonly prefix: MacPrefix; readonly copied?: ReadonlySet<MacAddress> },
): Decided {
  const twice = firstRepeated(requests.map(({ nic }) => nic));
  if (twice !== undefined) {
    return refuse(`Two networks of this object want the interface name ${twice}.\nGive each its own name.`);
  }
  const decisions: Decision[] = [];
  for (const request of requests) {
    const decision = readWish(request, copied, prefix);
    if ('why' in decision) {
      const text = JSON.stringify(request.given?.slice(0, 32));
      return refuse(
        `MAC ${text} of interface ${request.nic} is ${WHY[decision.why]}.\nCorrect it, or leave it out to get one.`,
      );
    }
    decisions.push(decision);
  }
  const shared = firstRepeated(decisions.flatMap((decision, index) => carriedMac(decision, requests[index], prefix)));
  if (shared !== undefined) {
    return refuse(`MAC ${shared} is on two interfaces of this object.\nLeave it out of one of them to get another.`);
  }
  return { ok: true, decisions };
}

function readWish(
  request: InterfaceRequest,
  copied: ReadonlySet<MacAddress>,
  prefix: MacPrefix,
): Decision | { readonly why: MacRefusal } {
  const { given, before, claim } = request;
  if (given === undefined || given === '') return wishWithoutWord(request);
  if (LONGER_ADDRESS.test(given)) return { kind: 'none' };
  const parsed = parseMac(given);
  if (!parsed.ok) return { why: parsed.why };
  const { mac } = parsed;
  if (mac === before) return { kind: 'none' };
  // Also where the network takes none and uses none: its author wants one to be told there, and two pods must not tell one.
  if (copied.has(mac)) return claim === undefined ? { kind: 'next' } : { kind: 'claim', claim };
  if (claim !== undefined) return { kind: 'claim', claim, given: mac };
  return hasPrefix(mac, prefix) ? { kind: 'this', mac } : { kind: 'none' };
}

function wishWithoutWord({ before, gets, claim }: InterfaceRequest): Decision {
  if (before !== undefined) return { kind: 'keep', mac: before };
  if (!gets) return { kind: 'none' };
  return claim === undefined ? { kind: 'next' } : { kind: 'claim', claim };
}

/** EUI-64 and the 20 octets of IP over InfiniBand: addresses too, but never ours. */
const LONGER_ADDRESS = /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){6}(?:[0-9a-f]{2}\1){0,12}[0-9a-f]{2}$/i;

/** The address of ours that a slot will carry as far as it is known before the ledger is asked. */
function carriedMac(
  decision: Decision,
  request: InterfaceRequest | undefined,
  prefix: MacPrefix,
): readonly MacAddress[] {
  if (decision.kind === 'this' || decision.kind === 'keep') return [decision.mac];
  if (decision.kind !== 'none') return [];
  const mac = parseAnyMac(request?.given ?? '');
  return mac !== undefined && hasPrefix(mac, prefix) ? [mac] : [];
}

function firstRepeated<T>(values: readonly T[]): T | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}

function refuse(message: string): Decided {
  return { ok: false, refusal: malformed(message) };
}
