import { z } from 'zod';
import type { KubeClient } from '../../../kube/client/client.ts';
import { isNotFound } from '../../../kube/client/errors.ts';
import { objectMeta, type KubeObject } from '../../../kube/client/objects.ts';
import type { Resource } from '../../../kube/client/resource.ts';
import type { StoredService } from '../node/stored-pod.ts';

export interface EndpointSliceOptions {
  /** The name of the Service. */
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
  /** The uid of the Service. With it the slice is deleted together with the Service. */
  readonly uid?: string;
}

/**
 * Returns the endpoints that a Service would have with pods on nodes. The API server calls the ClusterIP of an aggregated API,
 * but only if its Service has endpoints. It rejects loopback addresses as endpoints.
 */
export function endpointSlice({ name, namespace, port, uid }: EndpointSliceOptions) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-env`,
      namespace,
      labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'env' },
      ownerReferences: uid === undefined ? [] : [{ apiVersion: 'v1', kind: 'Service', name, uid }],
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}

const endpointSlices: Resource<KubeObject> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
  schema: z.object({ metadata: objectMeta }),
};

/** Maintains an EndpointSlice for every Service of a namespace that selects a ready pod. */
export interface EndpointSlices {
  sync(served: readonly StoredService[]): Promise<void>;
}

export function createEndpointSlices(client: KubeClient, namespace: string): EndpointSlices {
  /** The names of slices by the uid of their Service. */
  const written = new Map<string, string>();
  return {
    sync: async (served) => {
      for (const { metadata, spec } of served) {
        const { name, uid } = metadata;
        const [first] = spec.ports;
        if (written.has(uid) || first === undefined) continue;
        const slice = endpointSlice({ name, namespace, port: first.port, uid });
        await client.create(endpointSlices, slice);
        written.set(uid, slice.metadata.name);
      }
      const wanted = new Set(served.map(({ metadata }) => metadata.uid));
      for (const [uid, name] of written) {
        if (wanted.has(uid)) continue;
        await client.delete(endpointSlices, { namespace, name }).catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
        written.delete(uid);
      }
    },
  };
}
