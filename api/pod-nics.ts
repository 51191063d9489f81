import { type MacAddress, parseAnyMac } from '../mac/mac-address.ts';
import type { Prefixes } from '../mac/mac-range.ts';
import { readAddresses } from './addresses-annotation.ts';
import { KUBE_OVN_MAC_ANNOTATION, providerMacAnnotations } from './kube-ovn.ts';
import {
  DEFAULT_NETWORK_ANNOTATION,
  MULTUS_NAMESPACE,
  NETWORKS_ANNOTATION,
  nicNames,
  parseNetworks,
} from './multus-networks.ts';
import { ANNOTATIONS } from './names.ts';
import { attachedMacsInNetworkStatus, ownMacInNetworkStatus } from './network-status.ts';
import { compareReported, type Nic, ourMac } from './nic.ts';

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
 * Returns the addresses under one of the prefixes that a stored pod uses. They come from the annotation that Multus reads, because
 * that is applied to the interfaces. The primary interface comes from the default-network annotation, else from the
 * addresses annotation, else from that of Kube-OVN. What the addresses annotation reports beyond that counts as used too: the
 * ledger gave it to the pod.
 */
export function podNics(pod: AnnotatedPod, prefixes: Prefixes): readonly Nic[] {
  const nics = [...attachedNics(pod, prefixes), ...primaryNic(pod, prefixes)];
  const used = new Set(nics.map(({ mac }) => mac));
  return [...nics, ...reportedNics(pod, prefixes).filter(({ mac }) => !used.has(mac))];
}

function attachedNics({ namespace, annotations }: AnnotatedPod, prefixes: Prefixes): readonly Nic[] {
  const parsed = parseNetworks(annotations[NETWORKS_ANNOTATION] ?? '[]', namespace);
  if (!parsed.ok) return [];
  const { attachments } = parsed.networks;
  const names = nicNames(attachments);
  const keys = providerMacAnnotations(attachments);
  const reported = attachedMacsInNetworkStatus(annotations, attachments);
  return attachments.flatMap(({ network, mac, cniArgsMac }, index): Nic[] => {
    const nic = names[index];
    const ours = ourMac(mac ?? cniArgsMac ?? annotations[keys[index] ?? ''], prefixes);
    if (nic === undefined || ours === undefined) return [];
    const compared = compareReported(ours, reported[index] ?? []);
    return [{ nic, mac: ours, ...compared, ...(compared.actualMac !== undefined && { network }) }];
  });
}

function primaryNic(pod: AnnotatedPod, prefixes: Prefixes): readonly Nic[] {
  const mac = ourMac(primaryMacOf(pod), prefixes);
  if (mac === undefined) return [];
  const reported = isRequested(mac, pod) ? ownMacInNetworkStatus(pod.annotations) : undefined;
  return [{ nic: PRIMARY_NIC, mac, ...compareReported(mac, reported === undefined ? [] : [reported]) }];
}

/** Returns the addresses on networks that the webhook reported, with the names that it gave to their interfaces. */
function reportedNics({ annotations }: AnnotatedPod, prefixes: Prefixes): readonly Nic[] {
  const reported = readAddresses(annotations[ANNOTATIONS.addresses]).flatMap(({ network, interface: name, mac }) =>
    network === undefined ? [] : [{ network, mac, ...(name !== undefined && { interfaceName: name }) }],
  );
  const names = nicNames(reported);
  return reported.flatMap(({ mac }, index): Nic[] => {
    const [nic, ours] = [names[index], ourMac(mac, prefixes)];
    return nic === undefined || ours === undefined ? [] : [{ nic, mac: ours, isOnlyReported: true }];
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
