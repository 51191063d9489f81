import type { KubeClient } from './client.ts';
import { namespaces } from './core-resources.ts';

/**
 * The name of this cluster in the ledger: the uid of its kube-system namespace, which no two clusters share and which
 * stays for a cluster's whole life (https://github.com/kubernetes-sigs/about-api proposes the same).
 */
export async function readClusterId(client: Pick<KubeClient, 'get'>): Promise<string> {
  const namespace = await client.get(namespaces, { name: 'kube-system' });
  return namespace.metadata.uid;
}
