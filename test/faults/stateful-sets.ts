import { pino } from 'pino';
import { z } from 'zod';
import { macOf } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { annotatedPods } from '../integration/pod-kind.ts';

/*
 * Many StatefulSets in one namespace. The real controller makes their pods. Nothing schedules them, so a pod that is deleted is
 * gone at once, and the next one of its name is made within milliseconds.
 */

export interface SetsOptions {
  readonly client: KubeClient;
  readonly ledger: LedgerClient;
  readonly namespace: string;
  readonly sets: number;
  /** How many pods each set has. Each pod has one network. */
  readonly replicas: number;
  /** Annotations of the pods, besides those that ask for an address. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface StatefulSets {
  /** Creates the sets. */
  create(): Promise<void>;
  /** Deletes all pods, many at a time. */
  deletePods(): Promise<void>;
  /**
   * Returns why not everything is settled, or undefined if it is: every name has a pod, none of these uids is left, each pod has an
   * address of its own, the MacAllocations show exactly these addresses, and the ledger holds exactly these, all active.
   */
  unsettled(gone?: ReadonlySet<string>): Promise<string | undefined>;
  /** Returns the address of each pod, by its name. */
  addresses(): ReadonlyMap<string, string>;
  /** Returns the uids of the pods. */
  uids(): ReadonlySet<string>;
  close(): Promise<void>;
}

const AT_ONCE = 64;

const loose = z.object({ metadata: objectMeta });
const statefulSets: Resource<z.infer<typeof loose>> = {
  ...{ group: 'apps', version: 'v1', plural: 'statefulsets', kind: 'StatefulSet', namespaced: true },
  schema: loose,
};
const written = z.tuple([z.object({ mac: z.string() })]);

/** Watches the pods and the MacAllocations of a namespace, so that reading them costs the API server nothing. */
export async function openStatefulSets(options: SetsOptions): Promise<StatefulSets> {
  const { client, ledger, namespace, sets, replicas } = options;
  const watched = { client, namespace, logger: pino({ enabled: false }), onChange: () => undefined };
  const pods = createReflector({ ...watched, resource: annotatedPods });
  const allocations = createReflector({ ...watched, resource: macAllocations });
  for (const reflector of [pods, allocations]) reflector.start();
  await Promise.all([pods.hasSynced(), allocations.hasSynced()]);

  const names = Array.from({ length: sets }, (_, index) => `set-${String(index)}`);
  const count = sets * replicas;

  const livePods = () => pods.list().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const addresses = () =>
    new Map(
      livePods().map(({ metadata: { name, annotations = {} } }) => {
        const parsed = written.safeParse(JSON.parse(annotations[ANNOTATIONS.addresses] ?? '[]'));
        return [name, parsed.data?.[0].mac ?? 'none'];
      }),
    );
  const uids = () => new Set(livePods().map(({ metadata }) => metadata.uid));

  function unsettledObjects(gone: ReadonlySet<string>): string | undefined {
    const live = uids();
    const left = [...live].filter((uid) => gone.has(uid)).length;
    if (left > 0) return `${String(left)} old pods are left`;
    const used = new Set(addresses().values());
    used.delete('none');
    if (live.size !== count || used.size !== count)
      return `${String(live.size)} pods have ${String(used.size)} addresses`;
    const shown = allocations.list();
    const wrong = shown.filter((allocation) => {
      const { consumerRef } = allocation.spec;
      return !used.has(macOf(allocation) ?? 'none') || (consumerRef !== undefined && !live.has(consumerRef.uid));
    });
    if (shown.length !== count || wrong.length > 0)
      return `${String(wrong.length)} of ${String(shown.length)} MacAllocations are wrong`;
    return undefined;
  }

  return {
    create: () => inParallel(names, (name) => client.create(statefulSets, aStatefulSet(name, options), { namespace })),
    deletePods: () =>
      inParallel(
        livePods().map(({ metadata }) => metadata.name),
        (name) => client.delete(annotatedPods, { namespace, name }),
      ),
    unsettled: async (gone = new Set()) => {
      const objects = unsettledObjects(gone);
      if (objects !== undefined) return objects;
      const used = new Set(addresses().values());
      const rows = await heldIn(ledger, namespace);
      const right = rows.filter(({ mac, state }) => state === 'active' && used.has(mac)).length;
      return rows.length === count && right === count
        ? undefined
        : `the ledger holds ${String(rows.length)} addresses, of which ${String(right)} are active and in use`;
    },
    addresses,
    uids,
    close: async () => {
      await Promise.all([pods.stop(), allocations.stop()]);
    },
  };
}

function aStatefulSet(name: string, { replicas, annotations }: SetsOptions) {
  const labels = { app: name };
  const networks = { 'k8s.v1.cni.cncf.io/networks': '[{"name":"blue"}]' };
  const metadata = { labels, annotations: { [ANNOTATIONS.inject]: 'true', ...networks, ...annotations } };
  const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
  return {
    metadata: { name },
    spec: {
      ...{ replicas, serviceName: name, selector: { matchLabels: labels }, template: { metadata, spec } },
      // Nothing here makes a pod ready, which the other policy waits for.
      podManagementPolicy: 'Parallel',
    },
  };
}

/** Returns the addresses that are not released, of the objects of a namespace. */
async function heldIn(ledger: LedgerClient, namespace: string) {
  return await ledger.query({
    text: `select rock_mac.to_mac(addr)::text as mac, state from rock_mac.addresses
           where owner_namespace = $1 and state <> 'released'`,
    values: [namespace],
    row: z.object({ mac: z.string(), state: z.string() }),
  });
}

async function inParallel<T>(all: readonly T[], work: (each: T) => Promise<unknown>): Promise<void> {
  const left = all.values();
  const worker = async () => {
    for (const each of left) await work(each);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
