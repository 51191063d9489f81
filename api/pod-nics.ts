import type { MacPrefix } from '../mac/mac-range.ts';
import { readAddresses } from './addresses-annotation.ts';
import {
  DEFAULT_NETWORK_ANNOTATION,
  MULTUS_NAMESPACE,
  NETWORKS_ANNOTATION,
  nicNames,
  parseNetworks,
} from './multus-networks.ts';
import { ANNOTATIONS } from './names.ts';
import { type Nic, ourMac } from './nic.ts';

/** The name of a pod's primary interface, which the networks annotation does not contain. */
export const PRIMARY_NIC = 'primary';

/** The annotation from which each CNI reads the address of a pod's own interface. */
export const PRIMARY_MAC_ANNOTATIONS = {
  calico: 'cni.projectcalico.org/hwAddr',
  cilium: 'cni.cilium.io/mac-address',
} as const;

interface AnnotatedPod {
  readonly namespace: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Returns the addresses under the prefix that a stored pod uses. They come from the annotation that Multus reads, because
 * that is applied to the interfaces. The primary interface comes from the default-network annotation, else from the
 * addresses annotation. What the addresses annotation reports beyond that counts as used too: the ledger gave it to the pod.
 */
export function podNics(pod: AnnotatedPod, prefix: MacPrefix): readonly Nic[] {
  const nics: Nic[] = [];
  const parsed = parseNetworks(pod.annotations[NETWORKS_ANNOTATION] ?? '[]', pod.namespace);
  if (parsed.ok) {
    const { attachments } = parsed.networks;
    const names = nicNames(attachments);
    for (const [index, { mac, cniArgsMac }] of attachments.entries()) {
      const nic = names[index];
      const ours = ourMac(mac ?? cniArgsMac, prefix);
      if (nic !== undefined && ours !== undefined) nics.push({ nic, mac: ours });
    }
  }
  const primaryMac = ourMac(primaryMacOf(pod), prefix);
  if (primaryMac !== undefined) nics.push({ nic: PRIMARY_NIC, mac: primaryMac });
  const used = new Set(nics.map(({ mac }) => mac));
  return [...nics, ...reportedNics(pod, prefix).filter(({ mac }) => !used.has(mac))];
}

/** Returns the addresses on networks that the webhook reported, with the names that it gave to their interfaces. */
function reportedNics({ annotations }: AnnotatedPod, prefix: MacPrefix): readonly Nic[] {
  const reported = readAddresses(annotations[ANNOTATIONS.addresses]).flatMap(({ network, interface: name, mac }) =>
    network === undefined ? [] : [{ network, mac, ...(name !== undefined && { interfaceName: name }) }],
  );
  const names = nicNames(reported);
  return reported.flatMap(({ mac }, index): Nic[] => {
    const [nic, ours] = [names[index], ourMac(mac, prefix)];
    return nic === undefined || ours === undefined ? [] : [{ nic, mac: ours, isOnlyReported: true }];
  });
}

function primaryMacOf({ annotations }: AnnotatedPod): string | undefined {
  // The namespace of the definition does not matter here.
  const replaced = parseNetworks(annotations[DEFAULT_NETWORK_ANNOTATION] ?? '[]', MULTUS_NAMESPACE);
  const [network] = replaced.ok ? replaced.networks.attachments : [];
  const mac = network?.mac ?? network?.cniArgsMac;
  if (mac !== undefined) return mac;
  return readAddresses(annotations[ANNOTATIONS.addresses]).find((each) => each.network === undefined)?.mac;
}
