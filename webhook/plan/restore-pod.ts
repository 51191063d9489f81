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
import type { NetworkHomes } from './multus-target.ts';

/**
 * The patch for an update that changes the networks of a pod. Addresses that it dropped, as applying the pod's manifest
 * again does, come back from the stored pod. What it changes on purpose stays, and an interface that is new gets nothing:
 * the ledger is not asked, so that no update of a running pod depends on it. Our own annotation then tells what is left.
 */
export function restorePod(
  annotations: Annotations | undefined,
  stored: Annotations,
  { namespace, multusNamespace, prefix }: NetworkHomes & { readonly prefix: MacPrefix },
): readonly JsonPatchOperation[] {
  const restore = (key: string, home: string) => restoreNetworks(annotations?.[key], stored[key], { home, prefix });
  const replaced = restore(DEFAULT_NETWORK_ANNOTATION, multusNamespace);
  const attached = restore(NETWORKS_ANNOTATION, namespace);
  return setAnnotations(annotations, {
    [DEFAULT_NETWORK_ANNOTATION]: replaced.text,
    [NETWORKS_ANNOTATION]: attached.text,
    [ANNOTATIONS.addresses]: retell(stored[ANNOTATIONS.addresses], replaced.carried, attached.carried),
    [ANNOTATIONS.lease]: annotations?.[ANNOTATIONS.lease] ?? stored[ANNOTATIONS.lease],
  });
}

/** An annotation that names networks, after the update. */
interface Restored {
  readonly text: string | undefined;
  /** Our addresses in it; absent where nobody can read it. */
  readonly carried?: readonly ReportedAddress[];
}

function restoreNetworks(
  text: string | undefined,
  stored: string | undefined,
  { home, prefix }: { readonly home: string; readonly prefix: MacPrefix },
): Restored {
  const networks = readIfAny(text, home);
  if (networks === undefined) return { text };
  const { attachments } = networks;
  const lost = lostMacs(attachments, macsByNic(readIfAny(stored, home)?.attachments ?? [], prefix));
  return {
    text: lost.some((mac) => mac !== undefined) ? networks.withMacs(lost) : text,
    carried: attachments.flatMap(({ network, interfaceName, mac, cniArgsMac }, index) => {
      const carried = lost[index] ?? ourMac(mac ?? cniArgsMac, prefix);
      return carried === undefined ? [] : [{ network, interface: interfaceName, mac: carried }];
    }),
  };
}

const NONE: NetworksAnnotation = { attachments: [], withMacs: () => '' };

/** `undefined` where it is not understood. */
function readIfAny(text = '', home: string): NetworksAnnotation | undefined {
  if (text.trim() === '') return NONE;
  const parsed = parseNetworks(text, home);
  return parsed.ok ? parsed.networks : undefined;
}

/** What was told of the pod's own interface holds for as long as the pod lives: no annotation changes it any more. */
function retell(told: string | undefined, ...networks: readonly Restored['carried'][]): string | undefined {
  if (told === undefined || networks.includes(undefined)) return told;
  const own = readAddresses(told).filter(({ network }) => network === undefined);
  return formatAddresses([...own, ...networks.flatMap((carried) => carried ?? [])]);
}

function lostMacs(
  attachments: readonly Attachment[],
  carried: ReadonlyMap<string, MacAddress>,
): readonly (MacAddress | undefined)[] {
  const names = nicNames(attachments);
  return attachments.map(({ mac, cniArgsMac }, index) =>
    mac === undefined && cniArgsMac === undefined ? carried.get(names[index] ?? '') : undefined,
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
