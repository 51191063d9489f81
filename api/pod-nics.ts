import { parseMac, type MacAddress } from '../mac/mac-address.ts';
import { hasPrefix, type MacPrefix } from '../mac/mac-range.ts';
import { readAddresses } from './addresses-annotation.ts';
import { NETWORKS_ANNOTATION, nicNames, parseNetworks } from './multus-networks.ts';
import { ANNOTATIONS } from './names.ts';

/** The name of a pod's own interface, which no network annotation names. */
export const PRIMARY_NIC = 'primary';

/** An address of ours on an interface of a stored pod. */
export interface PodNic {
  readonly nic: string;
  readonly mac: MacAddress;
}

interface AnnotatedPod {
  readonly namespace: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * The addresses under our prefix that a stored pod carries: from the annotation that Multus reads, which is what gets
 * onto the wire, and for the pod's own interface from ours, since nothing else names that one.
 */
export function podNics(pod: AnnotatedPod, prefix: MacPrefix): readonly PodNic[] {
  const nics: PodNic[] = [];
  const parsed = parseNetworks(pod.annotations[NETWORKS_ANNOTATION] ?? '[]', pod.namespace);
  if (parsed.ok) {
    const { attachments } = parsed.networks;
    const names = nicNames(attachments);
    for (const [index, { mac }] of attachments.entries()) {
      const nic = names[index];
      const ours = ourMac(mac, prefix);
      if (nic !== undefined && ours !== undefined) nics.push({ nic, mac: ours });
    }
  }
  const primary = readAddresses(pod.annotations[ANNOTATIONS.addresses]).find(({ network }) => network === undefined);
  const primaryMac = ourMac(primary?.mac, prefix);
  if (primaryMac !== undefined) nics.push({ nic: PRIMARY_NIC, mac: primaryMac });
  return nics;
}

function ourMac(text: string | undefined, prefix: MacPrefix): MacAddress | undefined {
  if (text === undefined) return undefined;
  const parsed = parseMac(text);
  return parsed.ok && hasPrefix(parsed.mac, prefix) ? parsed.mac : undefined;
}
