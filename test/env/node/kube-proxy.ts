import type { PodProcess } from './pod-process.ts';
import { startServiceForwarder, type ServiceForwarder } from '../network/service-forwarder.ts';
import type { Endpoint } from '../network/sockets.ts';
import type { StoredPod, StoredService } from './stored-pod.ts';

/** Makes the Services of running pods reachable on their loopback ClusterIPs. */
export interface KubeProxy {
  /** Opens, changes and closes forwarders for the current objects. Returns the Services that select a ready pod. */
  sync(services: readonly StoredService[], pods: readonly PodProcess[]): Promise<readonly StoredService[]>;
  close(): Promise<void>;
}

interface ServicePort {
  readonly service: StoredService;
  readonly clusterIp: string;
  readonly port: number;
  readonly targets: readonly Endpoint[];
}

export function createKubeProxy(): KubeProxy {
  const forwarders = new Map<string, ServiceForwarder>();
  return {
    sync: async (services, pods) => {
      const wanted = new Map(portsOf(services, pods).map((each) => [`${each.clusterIp}:${each.port}`, each]));
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
      const leading = [...wanted.values()].filter(({ targets }) => targets.length > 0);
      return [...new Set(leading.map(({ service }) => service))];
    },
    close: async () => {
      await Promise.all([...forwarders.values()].map((forwarder) => forwarder.close()));
    },
  };
}

/** Every port of every Service that selects pods, with those of them that are ready. */
function portsOf(services: readonly StoredService[], pods: readonly PodProcess[]): ServicePort[] {
  return services.flatMap((service) => {
    const { clusterIP: clusterIp, selector, ports } = service.spec;
    if (selector === undefined || clusterIp === undefined || clusterIp === 'None') return [];
    const behind = pods.filter(({ pod, ready }) => ready && matches(pod, selector));
    return ports.map(({ port, targetPort = port }) => ({
      service,
      clusterIp,
      port,
      targets: behind.map(({ pod, ip }) => ({ host: ip, port: portOf(pod, targetPort) })),
    }));
  });
}

function retarget(forwarder: ServiceForwarder, targets: readonly Endpoint[]): void {
  for (const old of forwarder.targets) if (!targets.some((each) => same(each, old))) forwarder.remove(old);
  for (const each of targets) if (!forwarder.targets.some((old) => same(each, old))) forwarder.add(each);
}

function matches({ metadata }: StoredPod, selector: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => metadata.labels?.[key] === value);
}

/** A Service may name a port of its pods instead of counting it. */
function portOf({ spec }: StoredPod, target: number | string): number {
  const ports = spec.containers.flatMap((container) => container.ports);
  return ports.find(({ name }) => name === target)?.containerPort ?? Number(target);
}

function same(one: Endpoint, other: Endpoint): boolean {
  return one.host === other.host && one.port === other.port;
}
