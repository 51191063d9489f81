import { type MacAddress, parseAnyMac } from '../mac/mac-address.ts';
import { readAddresses } from './addresses-annotation.ts';
import { KUBE_OVN_MAC_ANNOTATION, providerMacAnnotations } from './kube-ovn.ts';
import {
  type Attachment,
  DEFAULT_NETWORK_ANNOTATION,
  MULTUS_NAMESPACE,
  NETWORKS_ANNOTATION,
  nicNames,
  parseNetworks,
} from './multus-networks.ts';
import { ANNOTATIONS } from './names.ts';
import { attachedMacsInNetworkStatus, ownMacInNetworkStatus, reportedInterfaces } from './network-status.ts';
import { compareReported, MOST_INTERFACES_READ, type Nic, unicastMac } from './nic.ts';

/** The name of a pod's primary interface, which the networks annotation does not contain. */
export const PRIMARY_NIC = 'primary';

/** The annotation from which each CNI reads the address of a pod's own interface. */
export const PRIMARY_MAC_ANNOTATIONS = {
  calico: 'cni.projectcalico.org/hwAddr',
  cilium: 'cni.cilium.io/mac-address',
  'kube-ovn': KUBE_OVN_MAC_ANNOTATION,
} as const;

interface AnnotatedPod {
  readonly namespace: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Returns the addresses that a stored pod uses, of any prefix. They come from the annotation that Multus reads, because
 * that is applied to the interfaces. The primary interface comes from the default-network annotation, else from the
 * addresses annotation, else from that of Kube-OVN. What the addresses annotation reports beyond that counts as used too: the
 * ledger gave it to the pod. So does every other address that Multus reports in the network status: a plugin chose it. Of more than
 * `MOST_INTERFACES_READ`, the first in this order.
 */
export function podNics(pod: AnnotatedPod): readonly Nic[] {
  const sources = [[...attachedNics(pod), ...primaryNic(pod)], reportedNics(pod), nicsInStatus(pod)];
  const nics: Nic[] = [];
  for (const source of sources) {
    const used = new Set(nics.map(({ mac }) => mac));
    nics.push(...source.filter(({ mac }) => !used.has(mac)).slice(0, MOST_INTERFACES_READ - nics.length));
  }
  return nics;
}

/** Returns the addresses in the network status, with the names that the ledger has for their interfaces. */
function nicsInStatus({ namespace, annotations }: AnnotatedPod): readonly Nic[] {
  const interfaces = reportedInterfaces(annotations);
  if (interfaces.length === 0) return [];
  const attachments = attachmentsOf({ namespace, annotations });
  const names = nicNames(attachments);
  const unseen = Map.groupBy(names.keys(), (index) => attachments[index]?.network);
  return interfaces.map(({ name, mac, network, isOwn }): Nic => {
    if (isOwn === true) return { nic: PRIMARY_NIC, mac };
    const index = unseen.get(network)?.shift();
    return { nic: (index === undefined ? undefined : names[index]) ?? name, mac, network };
  });
}

function attachmentsOf({ namespace, annotations }: AnnotatedPod): readonly Attachment[] {
  const parsed = parseNetworks(annotations[NETWORKS_ANNOTATION] ?? '[]', namespace);
  return parsed.ok ? parsed.networks.attachments.slice(0, MOST_INTERFACES_READ) : [];
}

function attachedNics({ namespace, annotations }: AnnotatedPod): readonly Nic[] {
  const attachments = attachmentsOf({ namespace, annotations });
  const names = nicNames(attachments);
  const keys = providerMacAnnotations(attachments);
  const reported = attachedMacsInNetworkStatus(annotations, attachments);
  return attachments.flatMap(({ network, mac, cniArgsMac }, index): Nic[] => {
    const nic = names[index];
    const used = unicastMac(mac ?? cniArgsMac ?? annotations[keys[index] ?? '']);
    if (nic === undefined || used === undefined) return [];
    return [{ nic, mac: used, network, ...compareReported(used, reported[index] ?? []) }];
  });
}

function primaryNic(pod: AnnotatedPod): readonly Nic[] {
  const mac = unicastMac(primaryMacOf(pod));
  if (mac === undefined) return [];
  const reported = isRequested(mac, pod) ? ownMacInNetworkStatus(pod.annotations) : undefined;
  return [{ nic: PRIMARY_NIC, mac, ...compareReported(mac, reported === undefined ? [] : [reported]) }];
}

/** Returns the addresses on networks that the webhook reported, with the names that it gave to their interfaces. */
function reportedNics({ annotations }: AnnotatedPod): readonly Nic[] {
  const reported = readAddresses(annotations[ANNOTATIONS.addresses]).flatMap(({ network, interface: name, mac }) =>
    network === undefined ? [] : [{ network, mac, ...(name !== undefined && { interfaceName: name }) }],
  );
  const names = nicNames(reported);
  return reported.flatMap(({ mac, network }, index): Nic[] => {
    const [nic, used] = [names[index], unicastMac(mac)];
    return nic === undefined || used === undefined ? [] : [{ nic, mac: used, network, isOnlyReported: true }];
  });
}

/** Returns whether an annotation asks a CNI to set the address. Otherwise it is in the addresses annotation only, for software in the pod. */
function isRequested(mac: MacAddress, pod: AnnotatedPod): boolean {
  const texts = [
    defaultNetworkMacOf(pod),
    ...Object.values(PRIMARY_MAC_ANNOTATIONS).map((key) => pod.annotations[key]),
  ];
  return texts.some((text) => text !== undefined && parseAnyMac(text) === mac);
}

function defaultNetworkMacOf({ annotations }: AnnotatedPod): string | undefined {
  // The namespace of the definition does not matter here.
  const replaced = parseNetworks(annotations[DEFAULT_NETWORK_ANNOTATION] ?? '[]', MULTUS_NAMESPACE);
  const [network] = replaced.ok ? replaced.networks.attachments : [];
  return network?.mac ?? network?.cniArgsMac;
}

function primaryMacOf(pod: AnnotatedPod): string | undefined {
  const { annotations } = pod;
  const mac = defaultNetworkMacOf(pod);
  if (mac !== undefined) return mac;
  const reported = readAddresses(annotations[ANNOTATIONS.addresses]).find((each) => each.network === undefined);
  return reported?.mac ?? annotations[KUBE_OVN_MAC_ANNOTATION];
}
