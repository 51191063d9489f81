import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageFolder } from '../../../hack/rootfs.ts';
import { createKubeClient, type KubeClient } from '../../../kube/client/client.ts';
import { isConflict, isNotFound } from '../../../kube/client/errors.ts';
import { reserveServiceRange } from '../run/port-reservation.ts';
import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { createKubeProxy } from './kube-proxy.ts';
import { podData } from './pod-data.ts';
import { startPodProcess, type PodProcess } from './pod-process.ts';
import type { Run } from '../run/run.ts';
import { requireSandboxes } from './sandbox.ts';
import { createEndpointSlices } from '../kubernetes/endpoint-slices.ts';
import { persistentVolumeClaims, pods, services, type StoredPod, type StoredService } from './stored-pod.ts';

export interface KubeletOptions {
  readonly run: Run;
  readonly controlPlane: ControlPlane;
  /** The namespace whose pods are run. Pods of other namespaces stay Pending. */
  readonly namespace: string;
  /** Returns the image for a reference. A pod with an unknown image stays Pending. */
  readonly imageOf: (image: string) => ImageFolder | undefined;
}

export interface Kubelet {
  readonly pods: readonly PodProcess[];
  close(): Promise<void>;
}

const checkEveryMs = 150;

/**
 * The kubelet of the test environment for one namespace. It runs stored pods, reports their status, stops deleted ones, and
 * makes Services reachable, so that Deployments roll out and Jobs complete. There is no Node object, so pods stay unbound: the
 * API server deletes them at once, and the process stops afterwards.
 *
 * All pods share the machine's network, and each has its own loopback address. Environment variables make processes listen on
 * that address only, instead of a network namespace. /etc/hosts replaces the cluster DNS.
 */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { run, controlPlane, namespace, imageOf } = options;
  await requireSandboxes();
  const client = createKubeClient({ userAgent: 'env-kubelet', kubeconfig: controlPlane.kubeconfig });
  const data = podData(client, namespace);
  const addresses = await reserveServiceRange();
  const proxy = createKubeProxy();
  const endpointSlices = createEndpointSlices(client, namespace);
  const claimFolders = new Map<string, Promise<string>>();
  let storedServices: readonly StoredService[] = [];
  const running = new Map<string, PodProcess>();
  const ending = new Set<Promise<void>>();
  const stopping = new AbortController();
  let started = 0;

  const claimFolder = async (claimName: string): Promise<string> => {
    const { metadata } = await client.get(persistentVolumeClaims, { namespace, name: claimName });
    const folder = claimFolders.get(metadata.uid) ?? run.makeFolder(`claim-${claimName}`);
    claimFolders.set(metadata.uid, folder);
    return await folder;
  };

  const start = (pod: StoredPod): PodProcess => {
    const ip = addresses.value.replace(/\.0\.0\/16$/, `.1.${++started}`);
    return startPodProcess({
      run,
      pod,
      ip,
      env: {
        KUBERNETES_SERVICE_HOST: '127.0.0.1',
        KUBERNETES_SERVICE_PORT: String(controlPlane.port),
        ROCK_MAC_HEALTH_HOST: ip,
        ROCK_MAC_WEBHOOK_HOST: ip,
        ROCK_MAC_READ_API_HOST: ip,
        GROUND_POD_IP: ip,
      },
      imageOf: (name) => required(imageOf(name), name),
      client,
      data,
      claimFolder,
      hosts: () => hostsOf(storedServices, namespace),
      report: (status) => report(pod, status, client),
    });
  };

  const look = async () => {
    const { items } = await client.list(pods, { namespace });
    storedServices = (await client.list(services, { namespace })).items;
    const stored = new Map(items.map((pod) => [pod.metadata.uid, pod]));
    for (const [uid, process] of running) {
      if (stored.get(uid)?.metadata.deletionTimestamp === undefined && stored.has(uid)) continue;
      running.delete(uid);
      const end = process.stop().finally(() => ending.delete(end));
      ending.add(end);
    }
    for (const [uid, pod] of stored) {
      if (!running.has(uid) && mayStart(pod, imageOf)) running.set(uid, start(pod));
    }
    const served = await proxy.sync(storedServices, [...running.values()]);
    await endpointSlices.sync(served);
  };

  const looking = (async () => {
    while (!stopping.signal.aborted) {
      await look().catch((error: unknown) => {
        run.log(`the kubelet could not look: ${error instanceof Error ? error.message : String(error)}`);
      });
      await sleep(checkEveryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();

  return {
    get pods() {
      return [...running.values()];
    },
    close: async () => {
      stopping.abort();
      await looking;
      await Promise.all([...[...running.values()].map((process) => process.stop()), ...ending]);
      await proxy.close();
      await client.close();
      await addresses.release();
    },
  };
}

function mayStart({ metadata, spec, status }: StoredPod, imageOf: KubeletOptions['imageOf']): boolean {
  if (metadata.deletionTimestamp !== undefined || status.phase !== 'Pending') return false;
  return [...spec.initContainers, ...spec.containers].every(({ image }) => imageOf(image) !== undefined);
}

/** The names by which pods of the namespace find its Services. */
function hostsOf(stored: readonly StoredService[], namespace: string): string {
  return stored
    .filter(({ spec }) => spec.clusterIP !== undefined && spec.clusterIP !== 'None')
    .map(({ metadata: { name }, spec }) => `${spec.clusterIP ?? ''} ${name}.${namespace}.svc ${name}\n`)
    .join('');
}

function required(image: ImageFolder | undefined, name: string): ImageFolder {
  if (image === undefined) throw new Error(`ErrImagePull: ${name}`);
  return image;
}

/** Checks the uid: a new pod of the same name is another pod, and a deleted one needs no status. */
async function report(
  { metadata: { namespace, name, uid } }: StoredPod,
  status: Record<string, unknown>,
  client: KubeClient,
): Promise<void> {
  try {
    const body = { metadata: { uid }, status };
    await client.patch(pods, { namespace, name }, { type: 'merge', body }, { subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
