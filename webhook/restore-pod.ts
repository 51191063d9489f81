import {
  DEFAULT_NETWORK_ANNOTATION,
  NETWORKS_ANNOTATION,
  nicNames,
  parseNetworks,
  type Attachment,
} from '../api/multus-networks.ts';
import { ANNOTATIONS } from '../api/names.ts';
import { ourMac } from '../api/nic.ts';
import { setAnnotations, type Annotations, type JsonPatchOperation } from '../kube/json-patch.ts';
import type { MacAddress } from '../mac/mac-address.ts';
import type { MacPrefix } from '../mac/mac-range.ts';
import type { NetworkHomes } from './multus-target.ts';

/**
 * The patch for an update of a pod that dropped addresses, as applying the pod's manifest again does: they come back from
 * the stored pod. What the update changes on purpose stays, and an interface that is new gets nothing: the ledger is not
 * asked, so that no update of a running pod depends on it.
 */
export function restorePod(
  annotations: Annotations | undefined,
  stored: Annotations,
  { namespace, multusNamespace, prefix }: NetworkHomes & { readonly prefix: MacPrefix },
): readonly JsonPatchOperation[] {
  const wanted: Record<string, string | undefined> = {};
  for (const [key, home] of [
    [NETWORKS_ANNOTATION, namespace],
    [DEFAULT_NETWORK_ANNOTATION, multusNamespace],
  ] as const) {
    const now = parseNetworks(annotations?.[key] ?? '', home);
    const before = parseNetworks(stored[key] ?? '', home);
    if (!now.ok || !before.ok) continue;
    const macs = lostMacs(now.networks.attachments, macsByNic(before.networks.attachments, prefix));
    if (macs.some((mac) => mac !== undefined)) wanted[key] = now.networks.withMacs(macs);
  }
  for (const key of [ANNOTATIONS.addresses, ANNOTATIONS.lease]) {
    if (annotations?.[key] === undefined && stored[key] !== undefined) wanted[key] = stored[key];
  }
  return setAnnotations(annotations, wanted);
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
