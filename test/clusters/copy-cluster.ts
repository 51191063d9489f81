import path from 'node:path';
import { z } from 'zod';
import { READ_API_SERVICE, SYSTEM_NAMESPACE, WEBHOOK_SERVICE } from '../../api/names.ts';
import { install, type Installation, loginNameOf, type WebhookPod } from '../env/installation.ts';
import { type ControlPlane, startControlPlane } from '../env/kubernetes/control-plane.ts';
import { clusterLogin } from '../env/postgres/cluster-login.ts';
import type { Clusters, Member } from './start-clusters.ts';

/** A second control plane with everything that a cluster had stored. */
export interface ClusterCopy {
  readonly plane: ControlPlane;
  /**
   * Starts rock-mac in the copy, with the Secrets of the original. One of its two webhooks runs in a pod of its own, and the other
   * in the copy of a pod in which a webhook of the original runs.
   */
  start(): Promise<Installation>;
}

/** Copies the etcd of a running cluster, and starts a control plane on it. */
export async function copyCluster(
  { plane: original }: Member,
  { testEnv, ledgerUrl }: Pick<Clusters, 'testEnv' | 'ledgerUrl'>,
): Promise<ClusterCopy> {
  const { run } = testEnv;
  const name = `${original.name}-copy`;
  const etcdCopy = path.join(await run.makeFolder(`${name}-etcd`), 'data');
  await original.copyEtcd(etcdCopy);
  const plane = await startControlPlane({ run, binaries: original.binaries, name, etcdCopy });
  return {
    plane,
    start: async () => {
      // Their ClusterIPs are addresses of the original on this machine.
      const services = [WEBHOOK_SERVICE, READ_API_SERVICE];
      await plane.kubectl(['delete', 'services', ...services, '-n', SYSTEM_NAMESPACE]);
      const url = await clusterLogin(ledgerUrl, loginNameOf(original, ledgerUrl));
      const copied = await podOfWebhook(plane);
      const installation = await install({
        testEnv,
        controlPlane: plane,
        ledgerUrl,
        login: 'owner',
        stock: true,
        env: { ROCK_MAC_LEDGER_URL: url, ROCK_MAC_CLUSTER_NAME: original.name, ROCK_MAC_RESYNC_SECONDS: '5' },
      });
      await installation.startWebhook({}, copied);
      return installation;
    },
  };
}

const podList = z.object({
  items: z.array(z.object({ metadata: z.object({ name: z.string(), uid: z.string() }) })).min(1),
});

/** Returns a pod in which a webhook runs. */
async function podOfWebhook({ kubectl }: ControlPlane): Promise<WebhookPod> {
  const { items } = podList.parse(JSON.parse(await kubectl(['get', 'pods', '-n', SYSTEM_NAMESPACE, '-o', 'json'])));
  const [pod] = items;
  if (pod === undefined) throw new Error('the cluster has no webhook');
  return pod.metadata;
}
