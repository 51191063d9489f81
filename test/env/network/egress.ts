import path from 'node:path';
import type { Run } from '../run/run.ts';
import { connectThrough, startConnectProxy } from './connect-proxy.ts';
import { type ServiceForwarder, type ServiceForwarderOptions, startServiceForwarder } from './service-forwarder.ts';
import { connect, type Endpoint } from './sockets.ts';

/**
 * The way between the control plane, on the machine's loopback, and nodes, in a network namespace of their own. No interface
 * joins the two, so nothing on the machine changes, and nothing has to be removed.
 */
export interface Egress {
  /** The proxy that the API server uses for everything in the cluster: webhooks, aggregated APIs, kubelets. */
  readonly socketPath: string;
  /** The proxy that the nodes use for servers on the machine's loopback. */
  readonly machineSocketPath: string;
  /** Where the nodes have to start a proxy into their namespace. */
  readonly nodesSocketPath: string;
  /** Serves a ClusterIP, as the API server sees it, by processes on the machine instead of pods. */
  forwardService(options: ServiceForwarderOptions): Promise<ServiceForwarder>;
  close(): Promise<void>;
}

export async function startEgress(run: Run): Promise<Egress> {
  const folder = await run.makeFolder('egress');
  const [socketPath, machineSocketPath, nodesSocketPath] = ['api', 'machine', 'nodes'].map((name) =>
    path.join(folder, `${name}.sock`),
  ) as [string, string, string];
  const onMachine = new Map<string, Endpoint>();
  const proxies = await Promise.all([
    startConnectProxy(socketPath, (target) => {
      const forwarder = onMachine.get(keyOf(target));
      return forwarder === undefined ? connectThrough(nodesSocketPath, target) : connect(forwarder);
    }),
    startConnectProxy(machineSocketPath, connect),
  ]);
  return {
    socketPath,
    machineSocketPath,
    nodesSocketPath,
    forwardService: async ({ clusterIp, port, targets }) => {
      const forwarder = await startServiceForwarder({ clusterIp: '127.0.0.1', port: 0, targets });
      onMachine.set(keyOf({ host: clusterIp, port }), forwarder);
      return forwarder;
    },
    close: async () => {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}

function keyOf({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}
