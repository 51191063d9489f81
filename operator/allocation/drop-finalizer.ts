import { RELEASE_FINALIZER } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { type JsonPatchOperation, removeFinalizer } from '../../kube/client/json-patch.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';

/**
 * Clears the record of who manages which field
 * (https://kubernetes.io/docs/reference/using-api/server-side-apply/#clearing-managedfields). To keep that record right takes a
 * fifth of what the patch costs the API server, and the patch removes the object.
 */
const CLEAR_MANAGERS: JsonPatchOperation = { op: 'add', path: '/metadata/managedFields', value: [{}] };

/**
 * Removes the finalizer of a MacAllocation, and returns what is stored afterwards: nothing if it no longer exists, because somebody else
 * removed the finalizer first.
 */
export async function dropFinalizer(allocation: MacAllocation, client: KubeClient): Promise<MacAllocation | undefined> {
  const { namespace, name, deletionTimestamp, finalizers } = allocation.metadata;
  const operations = removeFinalizer(allocation, RELEASE_FINALIZER);
  if (operations.length === 0) return allocation;
  const isLast = deletionTimestamp !== undefined && finalizers?.length === 1;
  const body = isLast ? [...operations, CLEAR_MANAGERS] : operations;
  try {
    return await client.patch(macAllocations, { namespace, name }, { type: 'json', body });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return undefined;
  }
}
