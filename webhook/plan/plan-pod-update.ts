import { formatAddresses, readAddresses } from '../../api/addresses-annotation.ts';
import { DEFAULT_NETWORK_ANNOTATION, NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { ourMac, unicastMac } from '../../api/nic.ts';
import { type Annotations, setAnnotations } from '../../kube/client/json-patch.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Prefixes } from '../../mac/mac-range.ts';
import { malformed } from '../review/refusal.ts';
import { decideInterfaces, type InterfaceRequest } from './decide-interfaces.ts';
import {
  attachedTarget,
  type NetworkNamespaces,
  type PodNetworks,
  readNetworks,
  replacedTarget,
} from './multus-target.ts';
import { outsideAddresses, type Planned, toAddressRequests } from './plan.ts';
import { networkAnnotations } from './plan-pod.ts';
import type { PodTarget } from './primary-target.ts';

type Options = NetworkNamespaces & { readonly prefixes: Prefixes };

const KEYS = [DEFAULT_NETWORK_ANNOTATION, NETWORKS_ANNOTATION] as const;

/**
 * Decides what an update of a pod's networks does. An address that the pod did not have is requested from the ledger, as in
 * a new pod. Addresses that the update dropped are restored from the stored pod, without the ledger: every re-apply of the
 * manifest drops them. A new interface without an address gets none.
 */
export function planPodUpdate(annotations: Annotations | undefined, stored: Annotations, options: Options): Planned {
  const { prefixes } = options;
  const now = annotations ?? {};
  const changed = readNetworks(
    only(now, (key) => now[key] !== stored[key]),
    options,
  );
  if (!changed.ok) return { ok: false, refusal: malformed(`${changed.problem}.\nCorrect the annotation.`) };
  const targets = targetsOf(now, options);
  const requests = requestsOfUpdate(requestsOf(targets), requestsOf(targetsOf(stored, options)), prefixes);
  const decided = decideInterfaces(requests, { prefixes });
  if (!decided.ok) return decided;
  const { addressRequests, networks, macsByInterface } = toAddressRequests(requests, decided.decisions);
  return {
    ok: true,
    plan: {
      addressRequests,
      networks,
      warnings: [],
      outside: outsideAddresses(requests, decided.decisions),
      patch: (macs) => {
        const byRequest = macsByInterface(macs);
        const reported = stored[ANNOTATIONS.addresses];
        // A pod that is older than the opt-in of its namespace has no such annotation until it gets an address.
        const reports = reported !== undefined || addressRequests.length > 0;
        return setAnnotations(annotations, {
          ...networkAnnotations(targets, byRequest),
          [ANNOTATIONS.addresses]: reports ? addressesAfter(reported, requests, byRequest, prefixes) : undefined,
          [ANNOTATIONS.lease]: stored[ANNOTATIONS.lease],
          [ANNOTATIONS.stockToken]: stored[ANNOTATIONS.stockToken],
        });
      },
    },
  };
}

/** Returns the addresses annotation after the update: never what the update wrote into it, but what the pod then uses. */
function addressesAfter(
  reported: string | undefined,
  requests: readonly InterfaceRequest[],
  macs: readonly (MacAddress | undefined)[],
  prefixes: Prefixes,
): string | undefined {
  const used = requests.flatMap(({ network, interfaceName, writtenMac }, index) => {
    const mac = macs[index] ?? ourMac(writtenMac, prefixes);
    return mac === undefined ? [] : [{ network, interface: interfaceName, mac }];
  });
  // The pod's own interface keeps its address for the pod's lifetime: no annotation can change it.
  const own = readAddresses(reported).filter(({ network }) => network === undefined);
  return formatAddresses([...own, ...used]);
}

/** Returns the targets of a pod. An annotation that cannot be read has none: an update is not refused for a stored text. */
function targetsOf(annotations: Annotations, options: Options): readonly PodTarget[] {
  const [replaced, attached] = KEYS.map((key) => readOne(annotations, key, options));
  return [
    ...(replaced?.replaced === undefined ? [] : [replacedTarget(replaced.replaced, new Map())]),
    ...(attached?.attached === undefined ? [] : [attachedTarget(attached.attached, new Map())]),
  ];
}

function requestsOf(targets: readonly PodTarget[]): readonly InterfaceRequest[] {
  return targets.flatMap(({ requests }) => requests);
}

function readOne(annotations: Annotations, wanted: string, options: Options): PodNetworks | undefined {
  const read = readNetworks(
    only(annotations, (key) => key === wanted),
    options,
  );
  return read.ok ? read.networks : undefined;
}

function only(annotations: Annotations, keep: (key: (typeof KEYS)[number]) => boolean): Annotations {
  return Object.fromEntries(
    KEYS.filter(keep).flatMap((key) => {
      const text = annotations[key];
      return text === undefined ? [] : [[key, text]];
    }),
  );
}

function requestsOfUpdate(
  requests: readonly InterfaceRequest[],
  storedRequests: readonly InterfaceRequest[],
  prefixes: Prefixes,
): readonly InterfaceRequest[] {
  const before = new Map(storedRequests.map(({ nic, writtenMac }) => [nic, writtenMac]));
  const macsOfPod = new Set(storedRequests.flatMap(({ writtenMac }) => ourMac(writtenMac, prefixes) ?? []));
  return requests.map(({ nic, network, interfaceName, writtenMac }) => {
    const stored = before.get(nic);
    const common = { nic, network, interfaceName, wantsAddress: false };
    // An update is not refused for a text that was stored before, even if it is no valid address.
    if (writtenMac !== undefined && writtenMac === stored && ourMac(stored, prefixes) === undefined) {
      return { ...common, keptMac: unicastMac(stored) };
    }
    return { ...common, writtenMac, storedMac: storedMacFor(writtenMac, stored, macsOfPod, prefixes) };
  });
}

/** Two interfaces of a pod may exchange their addresses: an address that the pod has already is not requested again. */
function storedMacFor(
  writtenMac: string | undefined,
  stored: string | undefined,
  macsOfPod: ReadonlySet<MacAddress>,
  prefixes: Prefixes,
): MacAddress | undefined {
  const written = ourMac(writtenMac, prefixes);
  return written !== undefined && macsOfPod.has(written) ? written : ourMac(stored, prefixes);
}
