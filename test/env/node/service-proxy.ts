import { z } from 'zod';
import { type KubeObject, objectMeta } from '../../../kube/client/objects.ts';
import type { Resource } from '../../../kube/client/resource.ts';
import { type ServiceForwarder, startServiceForwarder } from '../network/service-forwarder.ts';
import type { Endpoint } from '../network/sockets.ts';

const storedService = z.object({
  metadata: objectMeta.extend({ namespace: z.string() }),
  spec: z.object({
    clusterIP: z.string().optional(),
    ports: z.array(z.object({ name: z.string().default(''), port: z.number() })).default([]),
  }),
});
export type StoredService = z.infer<typeof storedService>;

const storedSlice = z.object({
  metadata: objectMeta.extend({ namespace: z.string() }),
  endpoints: z
    .array(z.object({ addresses: z.array(z.string()), conditions: z.object({ ready: z.boolean().default(true) }) }))
    .nullish(),
  ports: z.array(z.object({ name: z.string().default(''), port: z.number() })).nullish(),
});
export type StoredSlice = z.infer<typeof storedSlice>;

export const services: Resource<StoredService> = {
  ...{ group: '', version: 'v1', plural: 'services', kind: 'Service', namespaced: true },
  schema: storedService,
};

export const endpointSlices: Resource<StoredSlice & KubeObject> = {
  ...{ group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', kind: 'EndpointSlice', namespaced: true },
  schema: storedSlice,
};

/** Replaces kube-proxy, which needs rules of the kernel's packet filter: it listens on the ClusterIPs. */
export interface ServiceProxy {
  /** Opens, changes and closes forwarders for the current objects. */
  sync(services: readonly StoredService[], slices: readonly StoredSlice[]): Promise<void>;
}

export function createServiceProxy(): ServiceProxy {
  const forwarders = new Map<string, ServiceForwarder>();
  return {
    sync: async (services, slices) => {
      const wanted = new Map(services.flatMap((service) => portsOf(service, slices)).map((each) => [each.key, each]));
      for (const [key, { clusterIp, port, targets }] of wanted) {
        const forwarder = forwarders.get(key) ?? (await startServiceForwarder({ clusterIp, port, targets: [] }));
        forwarders.set(key, forwarder);
        retarget(forwarder, targets);
      }
      for (const [key, forwarder] of forwarders) {
        if (wanted.has(key)) continue;
        forwarders.delete(key);
        await forwarder.close();
      }
    },
  };
}

interface ServicePort {
  readonly key: string;
  readonly clusterIp: string;
  readonly port: number;
  readonly targets: readonly Endpoint[];
}

/** Every port of a Service, with the ready pods behind it. */
function portsOf({ metadata, spec }: StoredService, slices: readonly StoredSlice[]): ServicePort[] {
  const { clusterIP: clusterIp } = spec;
  // The Service `kubernetes` has no endpoints here: the gateway itself leads to the API server.
  const isApi = metadata.namespace === 'default' && metadata.name === 'kubernetes';
  if (clusterIp === undefined || clusterIp === 'None' || isApi) return [];
  const own = slices.filter(
    (slice) =>
      slice.metadata.namespace === metadata.namespace &&
      slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name,
  );
  return spec.ports.map(({ name, port }) => ({
    key: `${clusterIp}:${port}`,
    clusterIp,
    port,
    targets: own.flatMap((slice) => targetsOf(slice, name)),
  }));
}

function targetsOf({ endpoints, ports }: StoredSlice, portName: string): Endpoint[] {
  const port = ports?.find(({ name }) => name === portName)?.port;
  if (port === undefined) return [];
  const ready = (endpoints ?? []).filter(({ conditions }) => conditions.ready);
  return ready.flatMap(({ addresses }) => addresses).map((host) => ({ host, port }));
}

function retarget(forwarder: ServiceForwarder, targets: readonly Endpoint[]): void {
  for (const old of forwarder.targets) if (!targets.some((each) => same(each, old))) forwarder.remove(old);
  for (const each of targets) if (!forwarder.targets.some((old) => same(each, old))) forwarder.add(each);
}

function same(one: Endpoint, other: Endpoint): boolean {
  return one.host === other.host && one.port === other.port;
}
