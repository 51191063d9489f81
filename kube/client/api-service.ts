import type { KubeClient } from './client.ts';
import { apiServices, clusterRoles, type ApiService } from './core-resources.ts';
import { isConflict, isNotFound } from './errors.ts';

/*
 * An APIService behind which nobody answers is worse than none: every namespace of the cluster that is being deleted then
 * waits for it, since the namespace controller must know all kinds before it can say that nothing is left (seen with
 * Kubernetes 1.37: condition NamespaceDeletionDiscoveryFailure). So an installation does not bring one. Who answers makes
 * it; who stops, or sees that nobody answers, removes it; and it goes with the ClusterRole that owns it. (To take only
 * its Service away is not enough: the API server goes on asking.)
 */

export interface ApiServiceAttachment {
  readonly group: string;
  readonly version: string;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /** PEM: whose certificates the API server takes. */
  readonly authorities: string;
  /** The ClusterRole with which it goes when rock-mac is uninstalled. */
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fieldManager: string;
}

/** Makes the APIService, or makes it right. Answers whether anything had to be written. */
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
  // Applied, not created: that way the right to create can be limited to this name.
  await client.patch(apiServices, { name }, { type: 'apply', force: true, body }, { fieldManager, repeatable: true });
  return true;
}

/** Whether the API server has had no answer from behind it for so long. */
export function isUnavailable({ status }: ApiService, now: number, forMs: number): boolean {
  const available = status?.conditions?.find(({ type }) => type === 'Available');
  if (available?.status !== 'False') return false;
  return now - Date.parse(available.lastTransitionTime ?? '') >= forMs;
}

/** Removes the APIService as it was found; one that somebody has written since stays. */
export async function removeApiService(client: KubeClient, { metadata }: ApiService): Promise<void> {
  const { name, uid, resourceVersion } = metadata;
  try {
    await client.delete(apiServices, { name }, { uid, resourceVersion });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
