import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { apiRequest, type ApiAccess } from './api-request.ts';
import { resolveBinaries, type Binaries } from './binaries.ts';
import { createAuthority, createSigningKey, type Authority } from './certificates.ts';
import { claimFixedPort, claimPort, claimServiceRange, type Claim } from './claim.ts';
import {
  apiServerFlags,
  controllerManagerFlags,
  etcdFlags,
  type ControlPlaneFiles,
  type ControlPlanePorts,
} from './control-plane-flags.ts';
import { eventually } from './eventually.ts';
import { kubeconfigText, type Credentials } from './kubeconfig.ts';
import { kubectlFor, type Kubectl } from './kubectl.ts';
import { createPart, type Part } from './part.ts';
import { openRun, type Run } from './run.ts';

export interface ControlPlaneOptions {
  /** The run that it belongs to; without one it opens its own and closes that with itself. */
  readonly run?: Run;
  /** Resolved by {@link resolveBinaries} when not given. */
  readonly binaries?: Binaries;
  /** Names its folder and its logs. */
  readonly name?: string;
  /** Fixed ports; the others are chosen. */
  readonly ports?: Partial<ControlPlanePorts>;
  readonly apiServerFlags?: readonly string[];
  readonly controllerManagerFlags?: readonly string[];
}

export interface KubeconfigOptions {
  /** Another way to the same API server, such as a proxy's `https://127.0.0.1:PORT`. */
  readonly server?: string;
}

/** A real etcd, kube-apiserver and kube-controller-manager. */
export interface ControlPlane {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  /** Path of an administrator's kubeconfig (`system:masters`). */
  readonly kubeconfig: string;
  /** PEM. Signed the API server's certificate and all client certificates. */
  readonly caCertificate: string;
  /** Loopback /16 of the ClusterIPs. */
  readonly serviceRange: string;
  readonly binaries: Binaries;
  readonly etcd: Part;
  readonly apiServer: Part;
  readonly controllerManager: Part;
  /** Path of a new kubeconfig for a user with a client certificate; RBAC decides what it may. */
  userKubeconfig(name: string, groups?: readonly string[], options?: KubeconfigOptions): Promise<string>;
  /** Path of a new kubeconfig with a fresh token (valid for a day) of an existing ServiceAccount. */
  serviceAccountKubeconfig(namespace: string, name: string, options?: KubeconfigOptions): Promise<string>;
  /** kubectl as the administrator. */
  readonly kubectl: Kubectl;
  /** Ends all parts and removes the data. */
  close(): Promise<void>;
}

const tokenAnswer = z.object({ status: z.object({ token: z.string() }) });
const tokenLifeSeconds = 86_400;

/** Starts a control plane and waits until it answers and the `default` ServiceAccount is there. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const run = options.run ?? (await openRun());
  const claims: Claim<unknown>[] = [];
  try {
    return await raise(run, options, claims);
  } catch (error) {
    await Promise.all(claims.map((claim) => claim.release()));
    if (options.run === undefined) await run.close();
    throw error;
  }
}

async function raise(run: Run, options: ControlPlaneOptions, claims: Claim<unknown>[]): Promise<ControlPlane> {
  const binaries = options.binaries ?? (await resolveBinaries({ log: run.log }));
  const folder = await run.makeFolder(options.name ?? 'control-plane');
  const name = path.basename(folder);
  const ports = await claimPorts(options.ports ?? {}, claims);
  const range = await claimServiceRange();
  claims.push(range);
  const identity = await createIdentity(folder, ports.api);
  const settings = {
    ...options,
    ports,
    files: identity.files,
    etcdData: path.join(folder, 'etcd'),
    serviceRange: range.value,
  };
  const { admin } = identity;
  const answers = (port: number, url: string) => async () =>
    (await apiRequest({ ...admin, url: `https://127.0.0.1:${port}` }, url)).status === 200;

  const etcd = createPart(run, {
    child: { name: `${name}-etcd`, command: binaries.etcd, args: etcdFlags(settings) },
    ready: async () => (await fetch(`http://127.0.0.1:${ports.etcd}/readyz`)).ok,
  });
  const apiServer = createPart(run, {
    child: { name: `${name}-kube-apiserver`, command: binaries.kubeApiserver, args: apiServerFlags(settings) },
    ready: answers(ports.api, '/readyz'),
  });
  const controllerManager = createPart(run, {
    child: {
      name: `${name}-kube-controller-manager`,
      command: binaries.kubeControllerManager,
      args: controllerManagerFlags(settings),
    },
    ready: answers(ports.controllerManager, '/healthz'),
  });
  const parts = [controllerManager, apiServer, etcd];

  await etcd.start();
  await apiServer.start();
  await controllerManager.start();
  await eventually(() => hasDefaultServiceAccount(admin), { within: 30_000, every: 50 });

  const plane = {
    name,
    url: admin.url,
    port: ports.api,
    kubeconfig: identity.kubeconfig,
    caCertificate: admin.ca,
    serviceRange: range.value,
    binaries,
    etcd,
    apiServer,
    controllerManager,
    ...kubeconfigMakers(folder, identity),
    kubectl: kubectlFor(binaries.kubectl, identity.kubeconfig),
  };
  const close = async () => {
    if (options.run === undefined) await run.close();
    await Promise.all(parts.map((part) => part.kill()));
    await rm(folder, { recursive: true, force: true });
    await Promise.all(claims.map((claim) => claim.release()));
  };
  let closing: Promise<void> | undefined;
  return { ...plane, close: () => (closing ??= close()) };
}

async function claimPorts(fixed: Partial<ControlPlanePorts>, claims: Claim<unknown>[]): Promise<ControlPlanePorts> {
  const claim = async (purpose: string, port: number | undefined) => {
    const claimed = await (port === undefined ? claimPort() : claimFixedPort(port, purpose));
    claims.push(claimed);
    return claimed.value;
  };
  return {
    etcd: await claim('etcd', fixed.etcd),
    etcdPeer: await claim("etcd's peers", fixed.etcdPeer),
    api: await claim('the API server', fixed.api),
    controllerManager: await claim('the controller manager', fixed.controllerManager),
  };
}

interface Identity {
  readonly authority: Authority;
  readonly admin: ApiAccess;
  readonly kubeconfig: string;
  readonly files: ControlPlaneFiles;
}

async function createIdentity(folder: string, apiPort: number): Promise<Identity> {
  const certificates = path.join(folder, 'certificates');
  await mkdir(certificates, { mode: 0o700 });
  const save = async (name: string, content: string) => {
    const file = path.join(certificates, name);
    await writeFile(file, content, { mode: 0o600 });
    return file;
  };
  const [authority, frontProxy, tokens] = await Promise.all([
    createAuthority('rock-mac ground'),
    createAuthority('rock-mac ground front proxy'),
    createSigningKey(),
  ]);
  const [serving, proxyClient, adminPair] = await Promise.all([
    authority.issue({
      commonName: 'kube-apiserver',
      serverNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
      serverAddresses: ['127.0.0.1'],
    }),
    frontProxy.issue({ commonName: 'front-proxy-client' }),
    authority.issue({ commonName: 'ground-admin', organizations: ['system:masters'] }),
  ]);
  const url = `https://127.0.0.1:${apiPort}`;
  const admin = { url, ca: authority.certificate, ...adminPair };
  const kubeconfig = await save(
    'admin.kubeconfig',
    kubeconfigText({ server: url, ca: admin.ca, user: 'ground-admin', credentials: adminPair }),
  );
  const files = {
    ca: await save('ca.crt', authority.certificate),
    servingCertificate: await save('serving.crt', serving.certificate),
    servingKey: await save('serving.key', serving.key),
    frontProxyCa: await save('front-proxy-ca.crt', frontProxy.certificate),
    frontProxyCertificate: await save('front-proxy.crt', proxyClient.certificate),
    frontProxyKey: await save('front-proxy.key', proxyClient.key),
    serviceAccountPublicKey: await save('service-account.pub', tokens.publicKey),
    serviceAccountKey: await save('service-account.key', tokens.key),
    controllerManagerKubeconfig: kubeconfig,
  };
  return { authority, admin, kubeconfig, files };
}

function kubeconfigMakers(
  folder: string,
  { admin, authority }: Identity,
): Pick<ControlPlane, 'userKubeconfig' | 'serviceAccountKubeconfig'> {
  let made = 0;
  const write = async (user: string, credentials: Credentials, extra: { server?: string; namespace?: string }) => {
    const file = path.join(folder, `${user.replaceAll(/[^a-z0-9-]+/gi, '-')}-${++made}.kubeconfig`);
    const text = kubeconfigText({ server: admin.url, ca: admin.ca, user, credentials, ...extra });
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  return {
    userKubeconfig: async (name, groups = [], options = {}) =>
      write(name, await authority.issue({ commonName: name, organizations: groups }), options),
    serviceAccountKubeconfig: async (namespace, name, options = {}) => {
      const token = await requestToken(admin, namespace, name);
      return write(`system:serviceaccount:${namespace}:${name}`, { token }, { ...options, namespace });
    },
  };
}

async function requestToken(admin: ApiAccess, namespace: string, name: string): Promise<string> {
  const answer = await apiRequest(admin, `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: tokenLifeSeconds },
  });
  if (answer.status !== 201) {
    throw new Error(`No token for ServiceAccount ${namespace}/${name}: the API server said ${answer.body}`);
  }
  return tokenAnswer.parse(JSON.parse(answer.body)).status.token;
}

async function hasDefaultServiceAccount(admin: ApiAccess): Promise<void> {
  const { status } = await apiRequest(admin, '/api/v1/namespaces/default/serviceaccounts/default');
  if (status !== 200) throw new Error(`the default ServiceAccount is not there yet (HTTP ${status})`);
}
