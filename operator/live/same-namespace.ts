import type { KubeClient } from '../../kube/client/client.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { LiveAddress } from './live-address.ts';

/**
 * Returns whether the namespace of an object had its address already, by an uncached read. A namespace that was deleted and created
 * again belongs to other people, so its objects inherit nothing.
 */
export async function isOfSameNamespace(
  { owner }: Pick<LiveAddress, 'owner'>,
  { allocatedAt }: Pick<AddressRow, 'allocatedAt'>,
  { client }: { readonly client: KubeClient },
): Promise<boolean> {
  const namespace = await getOrUndefined(namespaces, { name: owner.namespace }, client);
  return Date.parse(namespace?.metadata.creationTimestamp ?? '') <= allocatedAt.getTime();
}
