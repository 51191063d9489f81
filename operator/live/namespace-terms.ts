import { parseMaxAddresses } from '../../api/max-addresses.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AllocationRequest } from '../../ledger/address/allocate.ts';

/**
 * Returns what a namespace says about the addresses in it, by an uncached read: how many it may hold, and when it was created. An
 * address is not kept for a later namespace of that name.
 */
export async function namespaceTerms(
  name: string,
  { client }: { readonly client: KubeClient },
): Promise<Pick<AllocationRequest, 'namespaceSince' | 'maxAddresses'>> {
  const namespace = await getOrUndefined(namespaces, { name }, client);
  const created = namespace?.metadata.creationTimestamp;
  return {
    maxAddresses: parseMaxAddresses(namespace?.metadata.annotations),
    ...(created !== undefined && { namespaceSince: new Date(created) }),
  };
}
