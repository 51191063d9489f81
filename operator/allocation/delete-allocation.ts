import type { KubeClient } from '../../kube/client/client.ts';
import { isConflict, isNotFound } from '../../kube/client/errors.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import type { ObjectMeta } from '../../kube/client/objects.ts';

/** Deletes a MacAllocation and returns it while its finalizer keeps it. Another one of this name is left alone. */
export async function deleteAllocation(
  { namespace, name, uid }: Pick<ObjectMeta, 'namespace' | 'name' | 'uid'>,
  client: KubeClient,
): Promise<MacAllocation | undefined> {
  try {
    return await client.delete(macAllocations, { namespace, name }, { uid });
  } catch (error) {
    if (isNotFound(error) || isConflict(error)) return undefined;
    throw error;
  }
}
