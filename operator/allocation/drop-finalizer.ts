import { RELEASE_FINALIZER } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { removeFinalizer } from '../../kube/client/json-patch.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';

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
