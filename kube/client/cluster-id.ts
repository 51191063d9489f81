import type { KubeClient } from './client.ts';
import { namespaces } from './core-resources.ts';

/**
 * Returns the id of this cluster in the ledger: the uid of its kube-system namespace. It is unique and stable for the life
 * of a cluster (https://github.com/kubernetes-sigs/about-api proposes the same).
 */
export async function readClusterId(client: Pick<KubeClient, 'get'>): Promise<string> {
  const namespace = await client.get(namespaces, { name: 'kube-system' });
  return namespace.metadata.uid;
}
