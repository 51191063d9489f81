export interface EndpointSliceOptions {
  /** The name of the Service. */
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
}

/**
 * Returns the endpoints that a Service would have with pods on nodes. The API server calls the ClusterIP of an aggregated API,
 * but only if its Service has endpoints. It rejects loopback addresses as endpoints.
 */
export function endpointSlice({ name, namespace, port }: EndpointSliceOptions) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-env`,
      namespace,
      labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'env' },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.1'], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}
