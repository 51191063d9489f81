import type { MacAllocationStatus } from '../api/mac-allocation.ts';
import { RELEASE_FINALIZER } from '../api/names.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { removeFinalizer } from '../kube/json-patch.ts';
import { macAllocations, type MacAllocation } from '../kube/mac-resources.ts';

/** Writes the status of exactly the object that was judged: a conflict means that it changed, and is judged again. */
export async function writeStatus(
  allocation: MacAllocation,
  status: MacAllocationStatus,
  client: KubeClient,
): Promise<MacAllocation> {
  if (status === allocation.status) return allocation;
  const { namespace, name, uid, resourceVersion } = allocation.metadata;
  // In a merge patch a field goes by null; one that is left out stays.
  const gone = Object.keys(allocation.status ?? {}).filter((field) => !Object.hasOwn(status, field));
  const body = { ...status, ...Object.fromEntries(gone.map((field) => [field, null])) };
  return await client.patch(
    macAllocations,
    { namespace, name },
    { type: 'merge', body: { metadata: { uid, resourceVersion }, status: body } },
    { subresource: 'status' },
  );
}

/** Lets a MacAllocation go. It may be gone already: somebody else removed the finalizer by hand. */
export async function dropFinalizer(allocation: MacAllocation, client: KubeClient): Promise<void> {
  const { namespace, name } = allocation.metadata;
  const body = removeFinalizer(allocation, RELEASE_FINALIZER);
  if (body.length === 0) return;
  try {
    await client.patch(macAllocations, { namespace, name }, { type: 'json', body });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
