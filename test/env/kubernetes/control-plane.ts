import { rm } from 'node:fs/promises';
import path from 'node:path';
import { apiRequest, type ApiAccess } from './api-request.ts';
import { resolveBinaries, type Binaries } from '../programs/binaries.ts';
import { reserveFixedPort, reservePort, reserveServiceRange, type Reservation } from '../run/port-reservation.ts';
import { apiServerFlags, controllerManagerFlags, etcdFlags, type ControlPlanePorts } from './control-plane-flags.ts';
import { createControlPlaneFiles } from './control-plane-files.ts';
import { eventually } from '../run/eventually.ts';
import { identitiesOf, type ControlPlaneAccess, type Identities } from './identities.ts';
import { kubectlFor, type Kubectl } from './kubectl.ts';
import { createServerProcess, type ServerProcess } from '../run/server-process.ts';
import { openRun, type Run } from '../run/run.ts';

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
  /** The loopback /16 of the ClusterIPs. */
  readonly serviceRange: string;
  readonly binaries: Binaries;
  readonly etcd: ServerProcess;
  readonly apiServer: ServerProcess;
  readonly controllerManager: ServerProcess;
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
  const range = await reserveServiceRange();
  reservations.push(range);
  const { files, access } = await createControlPlaneFiles(folder, ports.api);
  const settings = { ...options, ports, files, etcdData: path.join(folder, 'etcd'), serviceRange: range.value };
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
    serviceRange: range.value,
    binaries,
    etcd,
    apiServer,
    controllerManager,
    access,
    kubectl: kubectlFor(binaries.kubectl, files.adminKubeconfig),
    ...identitiesOf(access),
  };
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
