import { formatAddresses, readAddresses, type ReportedAddress } from '../../api/addresses-annotation.ts';
import {
  DEFAULT_NETWORK_ANNOTATION,
  NETWORKS_ANNOTATION,
  nicNames,
  parseNetworks,
  type Attachment,
  type NetworksAnnotation,
} from '../../api/multus-networks.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { ourMac } from '../../api/nic.ts';
import { setAnnotations, type Annotations, type JsonPatchOperation } from '../../kube/client/json-patch.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { MacPrefix } from '../../mac/mac-range.ts';
import type { NetworkNamespaces } from './multus-target.ts';

/**
 * Returns the patch for an update that changes the networks of a pod. Addresses that the update dropped are restored from the
 * stored pod; every re-apply of the manifest drops them. Addresses that the update changes on purpose stay. A new interface
 * gets no address, because no update of a running pod may depend on the ledger. The addresses annotation then lists the rest.
 */
export function restorePod(
  annotations: Annotations | undefined,
  stored: Annotations,
  { namespace, multusNamespace, prefix }: NetworkNamespaces & { readonly prefix: MacPrefix },
): readonly JsonPatchOperation[] {
  const restore = (key: string, home: string) => restoreNetworks(annotations?.[key], stored[key], { home, prefix });
  const replaced = restore(DEFAULT_NETWORK_ANNOTATION, multusNamespace);
  const attached = restore(NETWORKS_ANNOTATION, namespace);
  return setAnnotations(annotations, {
    [DEFAULT_NETWORK_ANNOTATION]: replaced.text,
    [NETWORKS_ANNOTATION]: attached.text,
    [ANNOTATIONS.addresses]: updateReported(stored[ANNOTATIONS.addresses], replaced.used, attached.used),
    [ANNOTATIONS.lease]: annotations?.[ANNOTATIONS.lease] ?? stored[ANNOTATIONS.lease],
  });
}

/** A networks annotation after the update. */
interface Restored {
  readonly text: string | undefined;
  /** Our addresses in it. Absent if the annotation cannot be parsed. */
  readonly used?: readonly ReportedAddress[];
}

function restoreNetworks(
  text: string | undefined,
  stored: string | undefined,
  { home, prefix }: { readonly home: string; readonly prefix: MacPrefix },
): Restored {
  const networks = readNetworksOrUndefined(text, home);
  if (networks === undefined) return { text };
  const { attachments } = networks;
  const lost = lostMacs(attachments, macsByNic(readNetworksOrUndefined(stored, home)?.attachments ?? [], prefix));
  return {
    text: lost.some((mac) => mac !== undefined) ? networks.withMacs(lost) : text,
    used: attachments.flatMap(({ network, interfaceName, mac, cniArgsMac }, index) => {
      const used = lost[index] ?? ourMac(mac ?? cniArgsMac, prefix);
      return used === undefined ? [] : [{ network, interface: interfaceName, mac: used }];
    }),
  };
}

const NONE: NetworksAnnotation = { attachments: [], withMacs: () => '' };

/** Returns `undefined` if the annotation cannot be parsed. */
function readNetworksOrUndefined(text = '', home: string): NetworksAnnotation | undefined {
  if (text.trim() === '') return NONE;
  const parsed = parseNetworks(text, home);
  return parsed.ok ? parsed.networks : undefined;
}

/** The reported address of the pod's own interface stays for the pod's lifetime: no annotation can change it. */
function updateReported(reported: string | undefined, ...networks: readonly Restored['used'][]): string | undefined {
  if (reported === undefined || networks.includes(undefined)) return reported;
  const own = readAddresses(reported).filter(({ network }) => network === undefined);
  return formatAddresses([...own, ...networks.flatMap((used) => used ?? [])]);
}

function lostMacs(
  attachments: readonly Attachment[],
  used: ReadonlyMap<string, MacAddress>,
): readonly (MacAddress | undefined)[] {
  const names = nicNames(attachments);
  return attachments.map(({ mac, cniArgsMac }, index) =>
    mac === undefined && cniArgsMac === undefined ? used.get(names[index] ?? '') : undefined,
  );
}

function macsByNic(attachments: readonly Attachment[], prefix: MacPrefix): ReadonlyMap<string, MacAddress> {
  const names = nicNames(attachments);
  return new Map(
    attachments.flatMap(({ mac, cniArgsMac }, index): [string, MacAddress][] => {
      const ours = ourMac(mac ?? cniArgsMac, prefix);
      return ours === undefined ? [] : [[names[index] ?? '', ours]];
    }),
  );
}
