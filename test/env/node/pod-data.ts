import type { KubeClient } from '../../../kube/client/client.ts';
import { configMaps, secrets } from './stored-pod.ts';

/** The data of the Secrets and ConfigMaps of one namespace. `undefined` if one does not exist. */
export interface PodData {
  secret(name: string): Promise<Record<string, Buffer> | undefined>;
  configMap(name: string): Promise<Record<string, Buffer> | undefined>;
}

export function podData(client: KubeClient, namespace: string): PodData {
  const read = async (resource: typeof secrets, name: string, encoding: BufferEncoding) => {
    const found = await client.find(resource, { namespace, name });
    if (found === undefined) return undefined;
    return Object.fromEntries(Object.entries(found.data).map(([key, value]) => [key, Buffer.from(value, encoding)]));
  };
  return {
    secret: (name) => read(secrets, name, 'base64'),
    configMap: (name) => read(configMaps, name, 'utf8'),
  };
}
