import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { isMirror } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { parseJson } from '../../api/parse-json.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { KubeConnectionError, KubeError } from '../../kube/client/errors.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import type { KubeObject } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { LiveObject, OverlapDetector } from './overlap-detector.ts';
import { NETWORKS, pods, type StoredPod } from './stored-kinds.ts';

/** Shows a detector everything that lives in one cluster, until it is stopped. */
export interface LiveWatch {
  /** Throws unless the detector knows exactly what the API server has stored. */
  requireCurrent(): Promise<void>;
  stop(): Promise<void>;
}

interface Source {
  readonly cluster: string;
  readonly client: KubeClient;
  readonly detector: OverlapDetector;
}

/** How a kind becomes a live object; `undefined` if it uses no address of its own. */
interface WatchedKind<T extends KubeObject> {
  readonly kind: LiveObject['kind'];
  readonly resource: Resource<T>;
  readonly toLive: (object: T, cluster: string) => LiveObject | undefined;
}

const podKind: WatchedKind<StoredPod> = { kind: 'Pod', resource: pods, toLive: livePod };
const claimKind: WatchedKind<MacAllocation> = { kind: 'MacAllocation', resource: macAllocations, toLive: liveClaim };

/** Starts to watch. While the API server is down, what it has stored lives on. */
export function watchLive(source: Source): LiveWatch {
  const ending = new AbortController();
  const running = Promise.all([follow(podKind, source, ending.signal), follow(claimKind, source, ending.signal)]);
  // A failure is reported by `stop`.
  running.catch(() => undefined);
  return {
    requireCurrent: async () => {
      await requireCurrent(podKind, source);
      await requireCurrent(claimKind, source);
    },
    stop: async () => {
      ending.abort();
      await running;
    },
  };
}

async function follow<T extends KubeObject>(
  watched: WatchedKind<T>,
  { cluster, client, detector }: Source,
  signal: AbortSignal,
): Promise<void> {
  const { kind, resource, toLive } = watched;
  while (!signal.aborted) {
    try {
      const { items, resourceVersion } = await client.list(resource, { signal });
      detector.replace({ cluster, kind }, liveOf(items, watched, cluster));
      const options = { resourceVersion, timeoutSeconds: 600, idleTimeoutMs: 90_000 };
      for await (const event of client.watch(resource, options, signal)) {
        if (event.type === 'BOOKMARK') continue;
        const object = event.type === 'DELETED' ? undefined : toLive(event.object, cluster);
        if (object === undefined) detector.gone({ cluster, uid: event.object.metadata.uid });
        else detector.seen(object);
      }
    } catch (error) {
      if (isOver(signal)) return;
      if (!(error instanceof KubeError || error instanceof KubeConnectionError)) throw error;
      await sleep(100);
    }
  }
}

/** TypeScript takes the signal for unchanged since the head of the loop. */
function isOver({ aborted }: AbortSignal): boolean {
  return aborted;
}

async function requireCurrent<T extends KubeObject>(watched: WatchedKind<T>, source: Source): Promise<void> {
  const { cluster, client, detector } = source;
  const stored = liveOf((await client.list(watched.resource)).items, watched, cluster);
  const known = detector.live().filter((object) => object.cluster === cluster && object.kind === watched.kind);
  const text = (objects: readonly LiveObject[]) => objects.map(({ uid, macs }) => `${uid} ${macs.join()}`).sort();
  const [wanted, found] = [text(stored).join('\n'), text(known).join('\n')];
  if (wanted !== found)
    throw new Error(`the watch of ${watched.kind} in ${cluster} is behind:\n${found}\n→\n${wanted}`);
}

function liveOf<T extends KubeObject>(
  items: readonly T[],
  { toLive }: Pick<WatchedKind<T>, 'toLive'>,
  cluster: string,
): LiveObject[] {
  return items.flatMap((item) => toLive(item, cluster) ?? []);
}

const networks = z.array(z.looseObject({ mac: z.string().optional() }));

/** A pod that has ended uses its addresses no more, as the kubelet has torn down its network. */
function livePod({ metadata, status }: StoredPod, cluster: string): LiveObject | undefined {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined;
  const { namespace = '', name, uid, annotations = {} } = metadata;
  const requested = networks.safeParse(parseJson(annotations[NETWORKS] ?? '')).data ?? [];
  const macs = requested.flatMap(({ mac }) => mac ?? []);
  return { cluster, kind: 'Pod', namespace, name, uid, macs, claim: annotations[ANNOTATIONS.allocation] };
}

/** Mirrors show addresses of pods, which are watched themselves. */
function liveClaim(allocation: MacAllocation, cluster: string): LiveObject | undefined {
  if (isMirror(allocation)) return undefined;
  const { namespace = '', name, uid } = allocation.metadata;
  const mac = allocation.status?.mac;
  return { cluster, kind: 'MacAllocation', namespace, name, uid, macs: mac === undefined ? [] : [mac] };
}
