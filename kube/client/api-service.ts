import type { KubeClient } from './client.ts';
import { type ApiService, apiServices, clusterRoles } from './core-resources.ts';
import { isConflict, isNotFound } from './errors.ts';

/*
 * An APIService without a working backend is worse than none: it blocks the deletion of every namespace in the cluster. The
 * namespace controller must know all kinds before it can finish (seen with Kubernetes 1.37: condition
 * NamespaceDeletionDiscoveryFailure). So the chart does not contain one. The operator that serves the API creates it. It is
 * removed when that operator stops or is seen to be unavailable, and garbage-collected with the ClusterRole that owns it.
 * Removing only its Service is not enough, because the API server keeps calling it.
 */

export interface ApiServiceAttachment {
  readonly group: string;
  readonly version: string;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /** The CA certificates that the API server trusts, as PEM. */
  readonly authorities: string;
  /** The ClusterRole that owns it, so that it is removed when rock-mac is uninstalled. */
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fieldManager: string;
}

/** Creates or corrects the APIService. Returns whether it was written. */
export async function attachApiService(
  client: KubeClient,
  found: ApiService | undefined,
  attachment: ApiServiceAttachment,
): Promise<boolean> {
  const { group, version, service, owner, labels, fieldManager } = attachment;
  const name = `${version}.${group}`;
  const caBundle = Buffer.from(attachment.authorities).toString('base64');
  const role = await client.get(clusterRoles, { name: owner });
  const isRight =
    found?.spec.caBundle === caBundle &&
    found.spec.service?.name === service.name &&
    found.spec.service.namespace === service.namespace &&
    found.spec.service.port === service.port &&
    found.metadata.ownerReferences?.some(({ uid }) => uid === role.metadata.uid) === true;
  if (isRight) return false;
  const body = {
    metadata: {
      name,
      labels,
      ownerReferences: [
        { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: owner, uid: role.metadata.uid },
      ],
    },
    spec: { group, version, groupPriorityMinimum: 100, versionPriority: 10, service, caBundle },
  };
  // Applied, not created, because RBAC can limit a patch to this name, but not a create.
  await client.patch(apiServices, { name }, { type: 'apply', force: true, body }, { fieldManager, repeatable: true });
  return true;
}

/** Returns whether the backend has been unavailable to the API server for `forMs`. */
export function isUnavailable({ status }: ApiService, now: number, forMs: number): boolean {
  const available = status?.conditions?.find(({ type }) => type === 'Available');
  if (available?.status !== 'False') return false;
  return now - Date.parse(available.lastTransitionTime ?? '') >= forMs;
}

/** Removes the APIService unless it was changed since it was read. */
export async function removeApiService(client: KubeClient, { metadata }: ApiService): Promise<void> {
  const { name, uid, resourceVersion } = metadata;
  try {
    await client.delete(apiServices, { name }, { uid, resourceVersion });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
