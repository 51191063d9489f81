import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Egress } from '../network/egress.ts';
import { SERVICE_RANGE } from '../node/addresses.ts';
import { type Binaries, resolveBinaries } from '../programs/binaries.ts';
import { eventually } from '../run/eventually.ts';
import { type Reservation, reserveFixedPort, reservePort, reserveServiceRange } from '../run/port-reservation.ts';
import { openRun, type Run } from '../run/run.ts';
import { createServerProcess, type ServerProcess } from '../run/server-process.ts';
import { type ApiAccess, apiRequest } from './api-request.ts';
import { createControlPlaneFiles } from './control-plane-files.ts';
import { apiServerFlags, controllerManagerFlags, type ControlPlanePorts, etcdFlags } from './control-plane-flags.ts';
import { type ControlPlaneAccess, type Identities, identitiesOf } from './identities.ts';
import { type Kubectl, kubectlFor } from './kubectl.ts';

export interface ControlPlaneOptions {
  /** The run that it belongs to. By default it opens its own run, and closes it in `close()`. */
  readonly run?: Run;
  /** The default is the result of {@link resolveBinaries}. */
  readonly binaries?: Binaries;
  /** The name of its folder and logs. */
  readonly name?: string;
  /** Fixed ports. The others are chosen. */
  readonly ports?: Partial<ControlPlanePorts>;
  readonly apiServerFlags?: readonly string[];
  readonly controllerManagerFlags?: readonly string[];
  /** The way to nodes. With it the ClusterIPs are not on the machine's loopback. */
  readonly egress?: Egress;
  /** The folder of another control plane's etcd (see {@link ControlPlane.copyEtcd}), whose objects it starts with. */
  readonly etcdCopy?: string;
}

/** A real etcd, kube-apiserver and kube-controller-manager. */
export interface ControlPlane extends Identities {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  /** The path of an administrator's kubeconfig (`system:masters`). */
  readonly kubeconfig: string;
  /** The CA of the API server's certificate and of all client certificates, as PEM. */
  readonly caCertificate: string;
  /** The /16 of the ClusterIPs: on loopback, unless there are nodes. */
  readonly serviceRange: string;
  readonly egress: Egress | undefined;
  readonly binaries: Binaries;
  readonly etcd: ServerProcess;
  readonly apiServer: ServerProcess;
  readonly controllerManager: ServerProcess;
  /** Copies the data of etcd into a new folder, as they are after a crash at this moment. */
  copyEtcd(folder: string): Promise<void>;
  /** Kills the control plane, and starts it again with the data of such a copy in place of its own. */
  restoreEtcd(folder: string): Promise<void>;
  /** Plain data with which another process can create users by `identitiesOf`. */
  readonly access: ControlPlaneAccess;
  /** kubectl as the administrator. */
  readonly kubectl: Kubectl;
  /** Stops all processes and removes the data. */
  close(): Promise<void>;
}

/** What must be released when the control plane is closed or fails to start. */
interface Resources {
  readonly reservations: Reservation<unknown>[];
  readonly servers: ServerProcess[];
}

/** Starts a control plane, and waits until it is ready and the `default` ServiceAccount exists. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const run = options.run ?? (await openRun());
  const resources: Resources = { reservations: [], servers: [] };
  let folder: string | undefined;
  const close = async () => {
    if (options.run === undefined) await run.close();
    await Promise.all(resources.servers.map((server) => server.kill()));
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    await Promise.all(resources.reservations.map((reservation) => reservation.release()));
  };
  let closing: Promise<void> | undefined;
  try {
    const binaries = options.binaries ?? (await resolveBinaries({ log: run.log, run }));
    folder = await run.makeFolder(options.name ?? 'control-plane');
    const plane = await startServers(run, folder, binaries, options, resources);
    return { ...plane, close: () => (closing ??= close()) };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startServers(
  run: Run,
  folder: string,
  binaries: Binaries,
  options: ControlPlaneOptions,
  { reservations, servers }: Resources,
): Promise<Omit<ControlPlane, 'close'>> {
  const name = path.basename(folder);
  const ports = await reservePorts(options.ports ?? {}, reservations);
  const serviceRange = options.egress === undefined ? await reserveRange(reservations) : SERVICE_RANGE;
  const { files, access } = await createControlPlaneFiles(folder, ports.api, options.egress?.socketPath);
  const etcdData = path.join(folder, 'etcd');
  const settings = { ...options, ports, files, etcdData, serviceRange };
  if (options.etcdCopy !== undefined) await cp(options.etcdCopy, etcdData, { recursive: true });
  const admin = { url: access.url, ca: access.authority.certificate, ...access.admin };

  const etcd = createServerProcess(run, {
    child: { name: `${name}-etcd`, command: binaries.etcd, args: etcdFlags(settings) },
    ready: async () => (await fetch(`http://127.0.0.1:${ports.etcd}/readyz`)).ok,
  });
  const apiServer = createServerProcess(run, {
    child: { name: `${name}-kube-apiserver`, command: binaries.kubeApiserver, args: apiServerFlags(settings) },
    ready: () => isHealthy(admin, '/readyz'),
  });
  const controllerManager = createServerProcess(run, {
    child: {
      name: `${name}-kube-controller-manager`,
      command: binaries.kubeControllerManager,
      args: controllerManagerFlags(settings),
    },
    ready: () => isHealthy({ ...admin, url: `https://127.0.0.1:${ports.controllerManager}` }, '/healthz'),
  });
  servers.push(controllerManager, apiServer, etcd);

  await etcd.start();
  await apiServer.start();
  await controllerManager.start();
  await eventually(() => hasDefaultServiceAccount(admin), { within: 30_000, every: 50 });

  return {
    name,
    url: access.url,
    port: ports.api,
    kubeconfig: files.adminKubeconfig,
    caCertificate: access.authority.certificate,
    serviceRange,
    egress: options.egress,
    binaries,
    etcd,
    apiServer,
    controllerManager,
    copyEtcd: (copy) => copyWhilePaused(etcd, etcdData, copy),
    restoreEtcd: async (copy) => {
      for (const server of servers) await server.kill();
      await rm(etcdData, { recursive: true });
      await cp(copy, etcdData, { recursive: true });
      for (const server of [etcd, apiServer, controllerManager]) await server.start();
    },
    access,
    kubectl: kubectlFor(binaries.kubectl, files.adminKubeconfig),
    ...identitiesOf(access),
  };
}

async function copyWhilePaused({ name, pid }: ServerProcess, data: string, copy: string): Promise<void> {
  if (pid === undefined) throw new Error(`${name} is down`);
  process.kill(pid, 'SIGSTOP');
  try {
    await cp(data, copy, { recursive: true });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

async function reserveRange(reservations: Reservation<unknown>[]): Promise<string> {
  const range = await reserveServiceRange();
  reservations.push(range);
  return range.value;
}

async function isHealthy(access: ApiAccess, url: string): Promise<boolean> {
  return (await apiRequest(access, url)).status === 200;
}

async function reservePorts(
  fixed: Partial<ControlPlanePorts>,
  reservations: Reservation<unknown>[],
): Promise<ControlPlanePorts> {
  const reserve = async (purpose: string, port: number | undefined) => {
    const reservation = await (port === undefined ? reservePort() : reserveFixedPort(port, purpose));
    reservations.push(reservation);
    return reservation.value;
  };
  return {
    etcd: await reserve('etcd', fixed.etcd),
    etcdPeer: await reserve("etcd's peers", fixed.etcdPeer),
    api: await reserve('the API server', fixed.api),
    controllerManager: await reserve('the controller manager', fixed.controllerManager),
  };
}

async function hasDefaultServiceAccount(admin: ApiAccess): Promise<void> {
  const { status } = await apiRequest(admin, '/api/v1/namespaces/default/serviceaccounts/default');
  if (status !== 200) throw new Error(`the default ServiceAccount does not exist yet (HTTP ${status})`);
}
