import { RELEASE_FINALIZER } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { removeFinalizer } from '../../kube/client/json-patch.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';

/** Removes the finalizer of a MacAllocation, which may no longer exist if somebody else removed the finalizer first. */
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
