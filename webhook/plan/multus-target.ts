import {
  DEFAULT_NETWORK_ANNOTATION,
  NETWORKS_ANNOTATION,
  nicNames,
  parseNetworks,
  type Attachment,
  type NetworksAnnotation,
} from '../../api/multus-networks.ts';
import { PRIMARY_NIC } from '../../api/pod-nics.ts';
import type { Annotations } from '../../kube/client/json-patch.ts';
import { parseAnyMac } from '../../mac/mac-address.ts';
import type { NetworkSupport } from '../watch/networks.ts';
import type { PodTarget } from './pod-target.ts';
import type { InterfaceRequest } from './decide-interfaces.ts';

/** The networks that a pod asks Multus for. */
export interface PodNetworks {
  /** Beside its own. */
  readonly attached?: NetworksAnnotation;
  /** In the place of the cluster's own. */
  readonly replaced?: NetworksAnnotation;
}

export type ReadNetworks =
  { readonly ok: true; readonly networks: PodNetworks } | { readonly ok: false; readonly problem: string };

/** The namespaces in which networks are looked for that name none: the pod's, and that of Multus. */
export interface NetworkHomes {
  readonly namespace: string;
  readonly multusNamespace: string;
}

export function readNetworks(annotations: Annotations, { namespace, multusNamespace }: NetworkHomes): ReadNetworks {
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

/** `undefined` where the annotation names no network, and a text where it is wrong. */
function readAnnotation(annotations: Annotations, key: string, home: string): NetworksAnnotation | string | undefined {
  const text = annotations[key] ?? '';
  if (text.trim() === '') return undefined;
  const parsed = parseNetworks(text, home);
  if (!parsed.ok) return `Annotation ${key} ${parsed.problem}`;
  const { attachments } = parsed.networks;
  const torn = attachments.find(saysTwoMacs);
  if (torn !== undefined) return `Annotation ${key} gives ${torn.network} two addresses, in mac and in cni-args`;
  return attachments.length === 0 ? undefined : parsed.networks;
}

function saysTwoMacs({ mac, cniArgsMac }: Attachment): boolean {
  return mac !== undefined && cniArgsMac !== undefined && parseAnyMac(mac) !== parseAnyMac(cniArgsMac);
}

/** `namespace/name` of every NetworkAttachmentDefinition that they name. */
export function networkNames({ attached, replaced }: PodNetworks): readonly string[] {
  return [attached, replaced].flatMap((each) => each?.attachments ?? []).map(({ network }) => network);
}

export function attachedTarget(networks: NetworksAnnotation, support: ReadonlyMap<string, NetworkSupport>): PodTarget {
  const names = nicNames(networks.attachments);
  return target(NETWORKS_ANNOTATION, networks, (_, index) => names[index] ?? '', support);
}

/** The pod's own interface, on another network than the cluster's. */
export function replacedTarget(networks: NetworksAnnotation, support: ReadonlyMap<string, NetworkSupport>): PodTarget {
  return target(DEFAULT_NETWORK_ANNOTATION, networks, () => PRIMARY_NIC, support);
}

function target(
  key: string,
  networks: NetworksAnnotation,
  nicOf: (attachment: Attachment, index: number) => string,
  support: ReadonlyMap<string, NetworkSupport>,
): PodTarget {
  return {
    requests: networks.attachments.map((attachment, index): InterfaceRequest => {
      const { network, interfaceName, mac, cniArgsMac, infinibandGuid } = attachment;
      const given = mac ?? cniArgsMac;
      return {
        nic: nicOf(attachment, index),
        network,
        interfaceName,
        given,
        ...(infinibandGuid === undefined
          ? judge(network, support.get(network) ?? 'missing', given !== undefined)
          : { gets: false }),
      };
    }),
    annotations: (macs) => (macs.some((mac) => mac !== undefined) ? { [key]: networks.withMacs(macs) } : {}),
  };
}

function judge(network: string, support: NetworkSupport, isGiven: boolean): Pick<InterfaceRequest, 'gets' | 'warning'> {
  switch (support) {
    case 'honoured':
      return { gets: true };
    case 'ignored':
      return {
        gets: false,
        warning: `network ${network} takes no MAC address, so ${isGiven ? 'the one written there is not used' : 'it gets none'}`,
      };
    case 'unknown':
      return { gets: true, warning: `network ${network} may ignore its address: its CNI plugin is not known here` };
    case 'missing':
      return { gets: true, warning: `network ${network} was not found, so it may ignore its address` };
  }
}
