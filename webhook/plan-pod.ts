import { formatAddresses, readAddresses, type CarriedAddress } from '../api/addresses-annotation.ts';
import {
  NETWORKS_ANNOTATION,
  nicNames,
  parseNetworks,
  type Attachment,
  type NetworksAnnotation,
} from '../api/multus-networks.ts';
import { ANNOTATIONS } from '../api/names.ts';
import { PRIMARY_NIC } from '../api/pod-nics.ts';
import { parseAnyMac, parseMac, type MacAddress, type MacRefusal } from '../mac/mac-address.ts';
import { hasPrefix, type MacPrefix } from '../mac/mac-range.ts';
import type { PatchOperation, Refusal } from './admission-review.ts';
import { malformed } from './refusals.ts';

/** The parts of an incoming pod that decide what it gets. */
export interface IncomingPod {
  readonly namespace: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An interface that gets an address from the ledger. */
export interface PlannedNic {
  readonly nic: string;
  /** The address that the author asked for; absent: the next one. */
  readonly requested?: MacAddress;
}

export interface PodPlan {
  readonly nics: readonly PlannedNic[];
  readonly warnings: readonly string[];
  /** The patch once the ledger has answered; `macs[i]` is for `nics[i]`. */
  patch(macs: readonly MacAddress[], leaseId: string | undefined): readonly PatchOperation[];
}

export type PlannedPod =
  { readonly ok: true; readonly plan: PodPlan } | { readonly ok: false; readonly refusal: Refusal };

/** Decides, without asking anybody, which interfaces of a pod get an address. */
export function planPod(pod: IncomingPod, prefix: MacPrefix): PlannedPod {
  const text = pod.annotations[NETWORKS_ANNOTATION] ?? '';
  if (text.trim() === '') return { ok: true, plan: planPrimaryOnly(pod) };
  const parsed = parseNetworks(text, pod.namespace);
  if (!parsed.ok) {
    return refuse(
      `Annotation ${NETWORKS_ANNOTATION} ${parsed.problem}.\nCorrect the annotation and create the pod again.`,
    );
  }
  if (parsed.networks.attachments.length === 0) return { ok: true, plan: planPrimaryOnly(pod) };
  return planAttachments(pod, parsed.networks, prefix);
}

function planAttachments(pod: IncomingPod, networks: NetworksAnnotation, prefix: MacPrefix): PlannedPod {
  const { attachments } = networks;
  const names = nicNames(attachments);
  const twice = firstRepeated(names);
  if (twice !== undefined) {
    return refuse(`Two networks of this pod want the interface name ${twice}.\nGive each its own "interface".`);
  }
  const copied = copiedMacs(pod);
  const nics: (PlannedNic & { readonly index: number })[] = [];
  const given: MacAddress[] = [];
  for (const [index, attachment] of attachments.entries()) {
    const nic = names[index] ?? '';
    const wish = readWish(attachment, copied, prefix);
    if (wish.kind === 'refused') {
      return refuse(
        `MAC ${wish.text} of interface ${nic} is ${WHY[wish.why]}.\nCorrect it, or leave "mac" out to get one.`,
      );
    }
    if (wish.kind === 'next') nics.push({ index, nic });
    if (wish.kind === 'this') {
      nics.push({ index, nic, requested: wish.mac });
      given.push(wish.mac);
    }
  }
  const sharedMac = firstRepeated(given);
  if (sharedMac !== undefined) {
    return refuse(`MAC ${sharedMac} is on two interfaces of this pod.\nLeave "mac" out of one of them to get another.`);
  }
  return {
    ok: true,
    plan: {
      nics,
      warnings: [],
      patch: (macs, leaseId) => {
        const byAttachment = attachments.map((_, index) => macs[nics.findIndex((nic) => nic.index === index)]);
        const addresses = attachments.flatMap((attachment, index): CarriedAddress[] => {
          const mac = byAttachment[index];
          return mac === undefined ? [] : [carried(attachment, mac)];
        });
        const written = nics.length > 0 ? networks.withMacs(byAttachment) : undefined;
        return annotationPatch(pod, {
          ...(written !== undefined && { [NETWORKS_ANNOTATION]: written }),
          [ANNOTATIONS.addresses]: addresses.length > 0 ? formatAddresses(addresses) : undefined,
          [ANNOTATIONS.lease]: leaseId,
        });
      },
    },
  };
}

/** Nothing to inject into, yet it asked: software in the pod (an emulator, say) reads the address from the annotation. */
function planPrimaryOnly(pod: IncomingPod): PodPlan {
  return {
    nics: [{ nic: PRIMARY_NIC }],
    warnings: [
      `rock-mac: this pod has no ${NETWORKS_ANNOTATION} to inject into; its address is in the annotation ${ANNOTATIONS.addresses} only`,
    ],
    patch: ([mac], leaseId) =>
      annotationPatch(pod, {
        [ANNOTATIONS.addresses]: mac === undefined ? undefined : formatAddresses([{ mac }]),
        [ANNOTATIONS.lease]: leaseId,
      }),
  };
}

type Wish =
  | { readonly kind: 'next' }
  | { readonly kind: 'this'; readonly mac: MacAddress }
  | { readonly kind: 'none' }
  | { readonly kind: 'refused'; readonly text: string; readonly why: MacRefusal };

const WHY: Readonly<Record<MacRefusal, string>> = {
  malformed: 'not a MAC address',
  multicast: 'a multicast address, which no interface may own',
  broadcast: 'the broadcast address',
  zero: 'all zero',
};

function readWish({ mac: text }: Attachment, copied: ReadonlySet<MacAddress>, prefix: MacPrefix): Wish {
  if (text === undefined) return { kind: 'next' };
  if (LONGER_ADDRESS.test(text)) return { kind: 'none' };
  const parsed = parseMac(text);
  if (!parsed.ok) return { kind: 'refused', text: JSON.stringify(text.slice(0, 32)), why: parsed.why };
  if (!hasPrefix(parsed.mac, prefix)) return { kind: 'none' };
  return copied.has(parsed.mac) ? { kind: 'next' } : { kind: 'this', mac: parsed.mac };
}

/** EUI-64 and the 20 octets of IP over InfiniBand: addresses too, but never ours. */
const LONGER_ADDRESS = /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){6}(?:[0-9a-f]{2}\1){0,12}[0-9a-f]{2}$/i;

/**
 * The MACs that our own annotation lists on an incoming pod. The pod was made from a stored one (a template, a clone,
 * `kubectl get -o yaml`), which still holds them: they count as copied and are replaced, not claimed.
 */
function copiedMacs(pod: IncomingPod): ReadonlySet<MacAddress> {
  const macs = readAddresses(pod.annotations[ANNOTATIONS.addresses]).map(({ mac }) => parseAnyMac(mac));
  return new Set(macs.filter((mac) => mac !== undefined));
}

function carried({ network, interfaceName }: Attachment, mac: MacAddress): CarriedAddress {
  return { network, ...(interfaceName !== undefined && { interface: interfaceName }), mac };
}

/** Sets each annotation that has a value and removes each that has none; what already is so costs no operation. */
function annotationPatch(
  pod: IncomingPod,
  wanted: Readonly<Record<string, string | undefined>>,
): readonly PatchOperation[] {
  return Object.entries(wanted).flatMap(([key, value]): PatchOperation[] => {
    const path = `/metadata/annotations/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (value === pod.annotations[key]) return [];
    // `add` on a member that exists replaces it (RFC 6902, section 4.1).
    return value === undefined ? [{ op: 'remove', path }] : [{ op: 'add', path, value }];
  });
}

function firstRepeated<T>(values: readonly T[]): T | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}

function refuse(message: string): PlannedPod {
  return { ok: false, refusal: malformed(message) };
}
