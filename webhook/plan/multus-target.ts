import type { NetworkSupport } from '../../api/cni-plugins.ts';
import { providerMacAnnotations } from '../../api/kube-ovn.ts';
import {
  type Attachment,
  DEFAULT_NETWORK_ANNOTATION,
  NETWORKS_ANNOTATION,
  type NetworksAnnotation,
  nicNames,
  parseNetworks,
} from '../../api/multus-networks.ts';
import { PRIMARY_NIC } from '../../api/pod-nics.ts';
import type { Annotations } from '../../kube/client/json-patch.ts';
import { parseAnyMac } from '../../mac/mac-address.ts';
import type { InterfaceRequest } from './decide-interfaces.ts';
import type { PodTarget } from './primary-target.ts';

/** The networks that a pod requests from Multus. */
export interface PodNetworks {
  /** In addition to the cluster's own network. */
  readonly attached?: NetworksAnnotation;
  /** Instead of the cluster's own network. */
  readonly replaced?: NetworksAnnotation;
}

export type ReadNetworks =
  { readonly ok: true; readonly networks: PodNetworks } | { readonly ok: false; readonly problem: string };

/** The namespaces of networks that are named without one: that of the pod, and that of Multus. */
export interface NetworkNamespaces {
  readonly namespace: string;
  readonly multusNamespace: string;
}

export function readNetworks(
  annotations: Annotations,
  { namespace, multusNamespace }: NetworkNamespaces,
): ReadNetworks {
  const attached = readAnnotation(annotations, NETWORKS_ANNOTATION, namespace);
  if (typeof attached === 'string') return { ok: false, problem: attached };
  const replaced = readAnnotation(annotations, DEFAULT_NETWORK_ANNOTATION, multusNamespace);
  if (typeof replaced === 'string') return { ok: false, problem: replaced };
  if (replaced !== undefined && replaced.attachments.length > 1) {
    return { ok: false, problem: `Annotation ${DEFAULT_NETWORK_ANNOTATION} names more than one network` };
  }
  return {
    ok: true,
    networks: { ...(attached !== undefined && { attached }), ...(replaced !== undefined && { replaced }) },
  };
}

/** Returns `undefined` if the annotation names no network, and the problem if it is malformed. */
function readAnnotation(annotations: Annotations, key: string, home: string): NetworksAnnotation | string | undefined {
  const text = annotations[key] ?? '';
  if (text.trim() === '') return undefined;
  const parsed = parseNetworks(text, home);
  if (!parsed.ok) return `Annotation ${key} ${parsed.problem}`;
  const { attachments } = parsed.networks;
  const ambiguous = attachments.find(hasTwoMacs);
  if (ambiguous !== undefined) {
    return `Annotation ${key} gives ${ambiguous.network} two addresses, in mac and in cni-args`;
  }
  return attachments.length === 0 ? undefined : parsed.networks;
}

function hasTwoMacs({ mac, cniArgsMac }: Attachment): boolean {
  return mac !== undefined && cniArgsMac !== undefined && parseAnyMac(mac) !== parseAnyMac(cniArgsMac);
}

/** Returns `namespace/name` of every NetworkAttachmentDefinition. */
export function networkNames({ attached, replaced }: PodNetworks): readonly string[] {
  return [attached, replaced].flatMap((each) => each?.attachments ?? []).map(({ network }) => network);
}

/** The networks beside the pod's own. `annotations` may have their addresses too, if they are of Kube-OVN. */
export function attachedTarget(
  networks: NetworksAnnotation,
  support: ReadonlyMap<string, NetworkSupport>,
  annotations: Annotations = {},
): PodTarget {
  const names = nicNames(networks.attachments);
  return target(NETWORKS_ANNOTATION, networks, (_, index) => names[index] ?? '', { support, annotations });
}

/** The pod's own interface, on another network than the cluster's own. */
export function replacedTarget(networks: NetworksAnnotation, support: ReadonlyMap<string, NetworkSupport>): PodTarget {
  return target(DEFAULT_NETWORK_ANNOTATION, networks, () => PRIMARY_NIC, { support });
}

/**
 * The pod's own interface in a cluster with OVN-Kubernetes, which reads the address from an annotation that names its own
 * network (https://github.com/ovn-kubernetes/ovn-kubernetes, docs/okeps/okep-5233-preconfigured-udn-addresses.md). Multus starts
 * no pod whose annotation names a missing definition, so the definition must be known.
 */
export function ovnTarget(network: string, support: ReadonlyMap<string, NetworkSupport>): PodTarget {
  const [namespace, name] = network.split('/');
  const parsed = parseNetworks(JSON.stringify([{ name, namespace }]), '');
  if (parsed.ok && support.get(network) === 'honoured') return replacedTarget(parsed.networks, support);
  const warning = `the pod's own interface gets no address, because network ${network} of OVN-Kubernetes was not found`;
  return { requests: [{ nic: PRIMARY_NIC, wantsAddress: false, warning }], annotations: () => ({}) };
}

interface TargetOptions {
  readonly support: ReadonlyMap<string, NetworkSupport>;
  readonly annotations?: Annotations;
}

function target(
  key: string,
  networks: NetworksAnnotation,
  nicOf: (attachment: Attachment, index: number) => string,
  { support, annotations = {} }: TargetOptions,
): PodTarget {
  const providerKeys = providerMacAnnotations(networks.attachments);
  return {
    requests: networks.attachments.map((attachment, index): InterfaceRequest => {
      const { network, interfaceName, mac, cniArgsMac, infinibandGuid } = attachment;
      const given = mac ?? cniArgsMac ?? annotations[providerKeys[index] ?? ''];
      return {
        nic: nicOf(attachment, index),
        network,
        interfaceName,
        writtenMac: given,
        ...(infinibandGuid === undefined
          ? decideBySupport(network, support.get(network) ?? 'missing', given !== undefined)
          : { wantsAddress: false }),
      };
    }),
    annotations: (macs) => (macs.some((mac) => mac !== undefined) ? { [key]: networks.withMacs(macs) } : {}),
  };
}

function decideBySupport(
  network: string,
  support: NetworkSupport,
  isWritten: boolean,
): Pick<InterfaceRequest, 'wantsAddress' | 'warning'> {
  switch (support) {
    case 'honoured':
      return { wantsAddress: true };
    case 'ignored':
      return {
        wantsAddress: false,
        warning: `network ${network} ignores MAC addresses, so ${isWritten ? 'the one in the annotation is not used' : 'its interface gets none'}`,
      };
    case 'unknown':
      return {
        wantsAddress: true,
        warning: `network ${network} may ignore its address: rock-mac does not know its CNI plugin`,
      };
    case 'missing':
      return { wantsAddress: true, warning: `network ${network} does not exist yet, so it may ignore its address` };
  }
}
