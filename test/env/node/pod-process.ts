import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageFolder } from '../../../hack/rootfs.ts';
import { startContainer } from './container.ts';
import type { PodData } from './pod-data.ts';
import { podStatus, type ContainerState, type PodPhase } from './pod-status.ts';
import { makeVolumes, type VolumeSources } from './pod-volumes.ts';
import { logTail, type Child } from '../run/child-process.ts';
import type { Run } from '../run/run.ts';
import { connect, type Endpoint } from '../network/sockets.ts';
import type { Container, StoredPod } from './stored-pod.ts';

export interface PodProcessOptions extends VolumeSources {
  readonly run: Run;
  readonly pod: StoredPod;
  /** The loopback address of the pod. */
  readonly ip: string;
  /** More variables for every container. They override its own. */
  readonly env: Readonly<Record<string, string>>;
  readonly imageOf: (name: string) => ImageFolder;
  readonly data: PodData;
  /** The lines of /etc/hosts, as of now. */
  readonly hosts: () => string;
  /** Reports the status of the pod to the API server. Called on every change. */
  readonly report: (status: Record<string, unknown>) => Promise<void>;
}

/** The processes of one pod. */
export interface PodProcess {
  readonly pod: StoredPod;
  readonly ip: string;
  readonly ready: boolean;
  /** Returns the end of the logs of its containers. */
  log(): string;
  /** Resolves when all its processes have exited. */
  stop(): Promise<void>;
}

const probeEveryMs = 100;
const restartAfterMs = 500;

/**
 * Runs a stored pod: its volumes, then its init containers in order, then all its containers, with its restart policy. There
 * are no liveness probes: a restart would hide a process that hangs.
 */
export function startPodProcess(options: PodProcessOptions): PodProcess {
  const { pod, ip, run } = options;
  const { initContainers, containers, restartPolicy } = pod.spec;
  const stopping = new AbortController();
  const children = new Map<Child, NodeJS.Signals>();
  const logFiles = new Set<string>();
  const states = new Map<string, ContainerState>();
  const isStopping = () => stopping.signal.aborted;
  let ready = false;

  const publish = async (phase: PodPhase) => {
    if (isStopping()) return;
    ready = phase === 'Running' && containers.every(({ name }) => states.get(name)?.ready === true);
    await options.report(podStatus(pod, { ip, phase, ready, states, at: new Date() }));
  };

  /** Runs it once, and returns its exit code. */
  const runOnce = async (container: Container, volumes: ReadonlyMap<string, string>, restartCount: number) => {
    const image = options.imageOf(container.image);
    const child = await startContainer(container, { ...options, volumes, image, hosts: options.hosts() });
    const { stopSignal = 'SIGTERM' } = image.config;
    children.set(child, stopSignal);
    logFiles.add(child.logFile);
    if (isStopping()) child.signal(stopSignal);
    const becomesReady = untilReady(child, container, ip).then(async (isReady) => {
      if (!isReady) return;
      states.set(container.name, { ready: true, restartCount });
      await publish(initContainers.includes(container) ? 'Pending' : 'Running');
    });
    const { code } = await child.exited;
    await becomesReady;
    children.delete(child);
    return code ?? 137;
  };

  /** Runs it until it is not restarted any more, and returns its last exit code. */
  const supervise = async (
    container: Container,
    volumes: ReadonlyMap<string, string>,
    policy: typeof restartPolicy,
  ) => {
    for (let restartCount = 0; ; restartCount++) {
      const exitCode = await runOnce(container, volumes, restartCount);
      states.set(container.name, { ready: false, restartCount, exitCode });
      const isOver = policy === 'Never' || (policy === 'OnFailure' && exitCode === 0);
      if (isOver || isStopping()) return exitCode;
      run.log(`${pod.metadata.name}/${container.name} ended with ${exitCode}, and is started again`);
      await publish('Running');
      await sleep(restartAfterMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (isStopping()) return exitCode;
    }
  };

  const live = async () => {
    const volumes = await makeVolumes(pod, await run.makeFolder(`pod-${pod.metadata.name}`), options);
    // A failed init container is restarted unless the restart policy is Never.
    const initPolicy = restartPolicy === 'Never' ? 'Never' : 'OnFailure';
    for (const container of initContainers) {
      const code = await supervise(container, volumes, initPolicy);
      if (isStopping()) return;
      if (code !== 0) {
        await publish('Failed');
        return;
      }
    }
    const codes = await Promise.all(containers.map((each) => supervise(each, volumes, restartPolicy)));
    await publish(codes.every((code) => code === 0) ? 'Succeeded' : 'Failed');
  };
  const living = live().catch((error: unknown) => {
    run.log(`pod ${pod.metadata.name}: ${error instanceof Error ? error.message : String(error)}`);
  });

  return {
    pod,
    ip,
    get ready() {
      return ready && !isStopping();
    },
    log: () => [...logFiles].map((file) => logTail(file)).join('\n'),
    stop: async () => {
      stopping.abort();
      for (const [child, signal] of children) child.signal(signal);
      await living;
    },
  };
}

/** Probes until it is ready. Without a probe it is ready at once. Returns false if it exited first. */
async function untilReady(child: Child, { readinessProbe, ports }: Container, ip: string): Promise<boolean> {
  if (readinessProbe === undefined) return true;
  const { httpGet, tcpSocket } = readinessProbe;
  const wanted = httpGet?.port ?? tcpSocket?.port;
  if (wanted === undefined) throw new Error('The readiness probe is of a kind that this kubelet does not know.');
  const port = ports.find(({ name }) => name === wanted)?.containerPort ?? Number(wanted);
  const probe =
    httpGet === undefined ? () => accepts({ host: ip, port }) : () => isOk(`http://${ip}:${port}${httpGet.path}`);
  while (child.exit === undefined) {
    if (await probe()) return true;
    await Promise.race([sleep(probeEveryMs), child.exited]);
  }
  return false;
}

async function isOk(url: string): Promise<boolean> {
  const answer = await fetch(url).catch(() => undefined);
  return answer?.ok === true;
}

async function accepts(endpoint: Endpoint): Promise<boolean> {
  const socket = await connect(endpoint).catch(() => undefined);
  socket?.destroy();
  return socket !== undefined;
}
