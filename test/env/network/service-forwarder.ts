import type { Socket } from 'node:net';
import { closeServer, connect, type Endpoint, listen } from './sockets.ts';

export interface ServiceForwarderOptions {
  /** The Service's ClusterIP, a loopback address in the test environment. */
  readonly clusterIp: string;
  /** The Service's port. */
  readonly port: number;
  /** The endpoints, which kube-proxy would read from the EndpointSlices. */
  readonly targets: readonly Endpoint[];
}

/** Replaces kube-proxy for one port of one Service. */
export interface ServiceForwarder extends Endpoint {
  readonly targets: readonly Endpoint[];
  /** How many connections were opened through it since it started. */
  readonly opened: number;
  add(target: Endpoint): void;
  /** Sends no new connections to the target. Open connections stay. */
  remove(target: Endpoint): void;
  /** Turns Nagle's algorithm on or off, which is off by default, for all connections. A benchmark shows what it costs. */
  setNoDelay(noDelay: boolean): void;
  /** Stops listening and breaks all connections. */
  close(): Promise<void>;
}

/**
 * Listens on the ClusterIP, and forwards each new connection to the next target that accepts it. If no target accepts it, the
 * connection is reset. Throws if it cannot listen on the address.
 */
export async function startServiceForwarder(options: ServiceForwarderOptions): Promise<ServiceForwarder> {
  const endpoint = { host: options.clusterIp, port: options.port };
  let targets = [...options.targets];
  let opened = 0;
  let noDelay = true;
  const open = new Set<Socket>();

  const track = (socket: Socket) => {
    open.add(socket);
    socket.setNoDelay(noDelay);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  const serve = async (client: Socket) => {
    track(client);
    const first = opened++;
    for (const target of rotated(targets, first)) {
      const upstream = await connect(target).catch(() => undefined);
      if (upstream === undefined) continue;
      track(upstream);
      client.once('close', () => upstream.destroy());
      upstream.once('close', () => client.destroy());
      client.pipe(upstream).pipe(client);
      return;
    }
    client.destroy();
  };
  const { server, port } = await listen(endpoint, (client) => void serve(client));

  return {
    host: endpoint.host,
    port,
    get targets() {
      return targets;
    },
    get opened() {
      return opened;
    },
    add: (target) => {
      targets = [...targets, target];
    },
    remove: (target) => {
      targets = targets.filter(({ host, port: on }) => host !== target.host || on !== target.port);
    },
    setNoDelay: (next) => {
      noDelay = next;
      for (const socket of open) socket.setNoDelay(next);
    },
    close: async () => {
      const closed = closeServer(server);
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function rotated<T>(items: readonly T[], by: number): T[] {
  if (items.length === 0) return [];
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
