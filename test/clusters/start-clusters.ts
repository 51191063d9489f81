import { z } from 'zod';
import { ANNOTATIONS, LABELS } from '../../api/names.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { readClusterId } from '../../kube/client/cluster-id.ts';
import { deployments } from '../../kube/client/core-resources.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { migrate } from '../../ledger/migrate.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { mac } from '../../mac/mac-address.ts';
import { randomFrom } from '../doubles/seeded-random.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';
import { startTcpProxy, type TcpProxy } from '../env/network/tcp-proxy.ts';
import { urlOfDatabase } from '../env/postgres/databases.ts';
import { type Copy, copyOf } from '../faults/ledger-standby.ts';
import { type BadNetwork, startBadNetwork } from './bad-network.ts';
import { DEPLOYMENT } from './load-plan.ts';
import { deploymentManifest } from './run-load.ts';

export const DATABASE = 'rock_mac';
const CLUSTERS = ['north', 'south', 'east'] as const;

/** How far the standby is behind the primary, in milliseconds for each direction. */
const STANDBY_LAG_MS = 150;

/**
 * The namespaces of every cluster and their pools. Addresses of `tight` come back after a minute and soon run out, those of
 * `wide` do neither. Missing addresses are released after the shortest period that a pool may have.
 */
export const POOLS = [
  { namespace: 'team', name: 'wide', first: mac('a4:58:0f:50:00:00'), last: mac('a4:58:0f:50:ff:ff') },
  { namespace: 'crowd', name: 'tight', first: mac('a4:58:0f:51:00:00'), last: mac('a4:58:0f:51:00:9f') },
].map((pool) => ({ ...pool, description: '', autoReleaseSeconds: 3_600, reuseDelaySeconds: 60 }));

/** One Kubernetes cluster with rock-mac. */
export interface Member {
  readonly name: string;
  /** Its id in the ledger. */
  readonly clusterId: string;
  readonly plane: ControlPlane;
  readonly client: KubeClient;
  readonly installation: Installation;
  /** The network between its programs and the ledger. */
  readonly network: BadNetwork;
}

/** Three clusters and one ledger, whose primary has a lagging standby. */
export interface Clusters {
  readonly testEnv: TestEnv;
  readonly members: readonly Member[];
  /** The ledger as its owner, on a good network. It follows the address of the ledger. */
  readonly ledger: LedgerClient;
  readonly ledgerUrl: string;
  readonly standby: Copy;
  /** The replication to the standby. */
  readonly replication: TcpProxy;
  /** Every new connection to the ledger goes to this port. */
  moveLedger(port: number): void;
  close(): Promise<void>;
}

type Closers = (() => Promise<unknown>)[];

/** Starts everything with a good network. Installs rock-mac and what the load needs in every cluster. */
export async function startClusters(seed: number): Promise<Clusters> {
  const closers: Closers = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return { ...(await start(seed, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(seed: number, closers: Closers): Promise<Omit<Clusters, 'close'>> {
  const testEnv = await startTestEnv({
    controlPlanes: CLUSTERS.map((name) => ({ name })),
    postgres: { fsync: false, name: 'primary' },
  });
  closers.push(() => testEnv.close());
  const { postgres } = testEnv;
  await makeLedger(await postgres.createDatabase(DATABASE));
  const { standby, replication } = await startStandby(testEnv, closers);

  const target = { host: '127.0.0.1', port: postgres.port };
  const direct = await startTcpProxy(target);
  closers.push(() => direct.close());
  const ledgerUrl = throughPort(postgres.url(DATABASE), direct.port);
  const ledger = openLedger({
    url: ledgerUrl,
    applicationName: 'test',
    max: 3,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 60_000,
  });
  closers.push(() => ledger.close());
  const members: Member[] = [];
  // One after the other: three starts at once would take longer on two cores.
  for (const plane of testEnv.controlPlanes) {
    const network = await startBadNetwork(target, randomFrom(`${String(seed)}/network/${plane.name}`));
    closers.push(() => network.close());
    members.push(await joinCluster({ testEnv, plane, network, url: throughPort(ledgerUrl, network.port) }, closers));
  }
  return {
    testEnv,
    members,
    ledger,
    ledgerUrl,
    standby,
    replication,
    moveLedger: (port) => {
      target.port = port;
    },
  };
}

function throughPort(url: string, port: number): string {
  const proxied = new URL(url);
  proxied.port = String(port);
  return proxied.href;
}

/** Creates the schema and the pools of the test, before any cluster joins. */
async function makeLedger(url: string): Promise<void> {
  await migrate(url);
  const ledger = openLedger({
    url,
    applicationName: 'test',
    max: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
  });
  for (const pool of POOLS) await definePool(ledger, pool, 'test');
  await ledger.close();
}

async function startStandby(
  { run, postgres }: TestEnv,
  closers: Closers,
): Promise<Pick<Clusters, 'standby' | 'replication'>> {
  await postgres.stop();
  const standby = await copyOf(postgres, run, 'standby');
  closers.push(() => standby.close());
  await postgres.start();
  const replication = await startTcpProxy({ host: '127.0.0.1', port: postgres.port });
  closers.push(() => replication.close());
  replication.delay(STANDBY_LAG_MS);
  await standby.follow(replication);
  await standby.start();
  return { standby, replication };
}

/** Promotes the standby. Resolves when it accepts writes. */
export async function promote({ standby }: Pick<Clusters, 'standby'>): Promise<void> {
  const url = urlOfDatabase(standby.url, DATABASE);
  const connection = { applicationName: 'test', max: 1, connectTimeoutMs: 5_000, statementTimeoutMs: 60_000 };
  const ledger = openLedger({ url, ...connection });
  await ledger.query({ text: 'select pg_promote()', values: [], row: z.object({}) });
  await ledger.close();
}

interface Joining {
  readonly testEnv: TestEnv;
  readonly plane: ControlPlane;
  readonly network: BadNetwork;
  readonly url: string;
}

/** Installs an operator and two webhooks with stock, and creates namespaces and Deployments that are the same everywhere. */
async function joinCluster({ testEnv, plane, network, url }: Joining, closers: Closers): Promise<Member> {
  const { name } = plane;
  const installation = await install({
    testEnv,
    controlPlane: plane,
    ledgerUrl: url,
    webhooks: 2,
    stock: true,
    env: { ROCK_MAC_CLUSTER_NAME: name, ROCK_MAC_RESYNC_SECONDS: '5' },
  });
  closers.push(() => installation.close());
  const client = createKubeClient({ userAgent: 'test', kubeconfig: plane.kubeconfig });
  closers.push(() => client.close());
  await installation.ready();
  for (const { namespace, name: pool } of POOLS) {
    await plane.kubectl(['create', 'namespace', namespace]);
    await plane.kubectl(['annotate', 'namespace', namespace, `${ANNOTATIONS.pool}=${pool}`]);
    await plane.kubectl(['label', 'namespace', namespace, `${LABELS.inject}=enabled`]);
    await client.create(deployments, deploymentManifest(DEPLOYMENT, 2), { namespace });
  }
  return { name, clusterId: await readClusterId(client), plane, client, installation, network };
}
