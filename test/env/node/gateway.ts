import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { createKubeClient } from '../../../kube/client/client.ts';
import { connectThrough, join, startConnectProxy } from '../network/connect-proxy.ts';
import { connect, listen } from '../network/sockets.ts';
import { DNS_ADDRESS } from './addresses.ts';
import { dnsAnswer } from './dns-answer.ts';
import { createServiceProxy, endpointSlices, services, type StoredService } from './service-proxy.ts';

/*
 * The process in the nodes' network namespace that leads to everything outside of it, and stands for kube-proxy and the cluster's
 * DNS. As the first process of the namespace it also keeps the namespace open.
 */

const endpoint = z.object({ host: z.string(), port: z.number() });

/** What the first argument has as JSON. */
const gatewayOptions = z.object({
  kubeconfig: z.string(),
  machineSocketPath: z.string(),
  nodesSocketPath: z.string(),
  /** Listens on `at`, and connects to `to` on the machine. */
  relays: z.array(z.object({ at: endpoint, to: endpoint })),
});

export type GatewayOptions = z.infer<typeof gatewayOptions>;

const syncEveryMs = 200;

async function main({ kubeconfig, machineSocketPath, nodesSocketPath, relays }: GatewayOptions): Promise<never> {
  for (const { at, to } of relays) {
    await listen(at, (socket) => {
      socket.on('error', () => socket.destroy());
      connectThrough(machineSocketPath, to).then(
        (upstream) => {
          join(socket, upstream);
        },
        () => socket.destroy(),
      );
    });
  }
  let known: readonly StoredService[] = [];
  startDns((name) => known.find((service) => dnsName(service) === name)?.spec.clusterIP);
  await startConnectProxy(nodesSocketPath, connect);

  const client = createKubeClient({ userAgent: 'env-gateway', kubeconfig });
  const proxy = createServiceProxy();
  for (;;) {
    try {
      known = (await client.list(services)).items;
      await proxy.sync(known, (await client.list(endpointSlices)).items);
    } catch (error) {
      console.error(error instanceof Error ? error.message : String(error));
    }
    await sleep(syncEveryMs);
  }
}

function startDns(find: (name: string) => string | undefined): void {
  const server = createSocket('udp4', (query, from) => {
    server.send(dnsAnswer(query, find), from.port, from.address);
  });
  server.bind(53, DNS_ADDRESS);
}

function dnsName({ metadata: { name, namespace } }: StoredService): string {
  return `${name}.${namespace}.svc.cluster.local`;
}

await main(gatewayOptions.parse(JSON.parse(process.argv[2] ?? '{}')));
