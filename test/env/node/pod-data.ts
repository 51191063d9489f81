import type { KubeClient } from '../../../kube/client/client.ts';
import { isNotFound } from '../../../kube/client/errors.ts';
import { configMaps, secrets } from './stored-pod.ts';

/** What the Secrets and ConfigMaps of one namespace hold; `undefined` for one that is not there. */
export interface PodData {
  secret(name: string): Promise<Record<string, Buffer> | undefined>;
  configMap(name: string): Promise<Record<string, Buffer> | undefined>;
}

export function podData(client: KubeClient, namespace: string): PodData {
  const read = async (resource: typeof secrets, name: string, encoding: BufferEncoding) => {
    try {
      const { data } = await client.get(resource, { namespace, name });
      return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, encoding)]));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return {
    secret: (name) => read(secrets, name, 'base64'),
    configMap: (name) => read(configMaps, name, 'utf8'),
  };
}
