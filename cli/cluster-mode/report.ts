import { z } from 'zod';
import { GROUP, WEBHOOK_CONFIGURATION } from '../../api/names.ts';
import { pods } from '../../kube/client/core-resources.ts';
import { macPools } from '../../kube/client/mac-resources.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { reviewSelf } from '../../kube/client/reviews.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { auditForReport, type Collected, collectJson, type CollectOptions } from '../report/collect.ts';
import type { CollectedFile } from '../report/report-files.ts';
import { diagnoseCluster } from './doctor.ts';
import { explainKubeError } from './explain-kube-error.ts';
import { CLUSTERS, type LedgerReader, LEDGERS } from './ledger-reader.ts';
import { auditEntriesOfLedger, statsOfLedger } from './read-ledger.ts';
import type { Scope } from './scope.ts';

/** Collects what a report says about the installation in a cluster, as far as the user may read it. */
export async function collectFromCluster(
  scope: Scope,
  reader: LedgerReader,
  { tail, withNames }: CollectOptions,
): Promise<Collected> {
  const json = (name: string, about: string, read: () => Promise<unknown>, ours?: boolean) =>
    collectJson(name, about, () => explained(read, scope), ours);
  const podsRead = listPods(scope);
  const poolsRead = scope.client.list(macPools).then(({ items }) => items);
  const [ourPods, ourPools] = await Promise.all([podsRead.catch(() => []), poolsRead.catch(() => [])]);
  const files = [
    await json(
      'version.json',
      'the versions of the plugin and of Kubernetes',
      async () => {
        return {
          program: packageJson.version,
          node: process.versions.node,
          kubernetes: await scope.client.raw('GET', '/version'),
        };
      },
      true,
    ),
    await json('doctor.json', 'what `kubectl rock-mac doctor` found', () => diagnoseCluster(scope, reader)),
    await json(
      'pods.json',
      'the pods of rock-mac, their images, restarts and settings',
      async () => (await podsRead).map(podForReport),
      true,
    ),
    await json('macpools.json', 'the MacPools with their conditions', () => poolsRead, true),
    await json('pools.json', 'the counts of the pools in the ledger', () => statsOfLedger(reader)),
    await json('ledger.json', 'the state of the ledger and of its seals', () =>
      itemsOf(reader.list(LEDGERS, { fields: {} })),
    ),
    await json('clusters.json', 'the clusters of the ledger', () => itemsOf(reader.list(CLUSTERS, { fields: {} }))),
    await json('audit.json', `the last ${String(tail)} entries of the audit`, async () =>
      auditForReport((await auditEntriesOfLedger({ limit: tail }, reader)).entries, { withNames }),
    ),
    await json(
      'webhook.json',
      'what the API server sends to the webhook',
      () =>
        scope.client.raw(
          'GET',
          `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${WEBHOOK_CONFIGURATION}`,
        ),
      true,
    ),
    await json('events.json', 'the Events of rock-mac', () => eventsOf(ourPods, scope)),
    ...(await logsOf(ourPods, tail, scope)),
  ];
  const { username, groups } = await reviewSelf(scope.client).catch(() => ({ username: '', groups: [] }));
  const hidden = [scope.namespace, username, ...groups].filter((name) => !name.startsWith('system:'));
  return { files, kept: ourPools.map(({ metadata }) => metadata.name), hidden };
}

async function explained<T>(read: () => Promise<T>, { namespace }: Scope): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw explainKubeError(error, namespace);
  }
}

async function itemsOf<T>(page: Promise<{ readonly items: readonly T[] }>): Promise<readonly T[]> {
  return (await page).items;
}

const container = z.object({
  name: z.string(),
  image: z.string().optional(),
  args: z.array(z.string()).optional(),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })).default([]),
});

const podSchema = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string().optional(),
    uid: z.string(),
    resourceVersion: z.string(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.object({ initContainers: z.array(container).default([]), containers: z.array(container) }),
  status: z
    .object({
      phase: z.string().optional(),
      reason: z.string().optional(),
      conditions: z.array(z.unknown()).optional(),
      containerStatuses: z.array(z.unknown()).optional(),
      initContainerStatuses: z.array(z.unknown()).optional(),
    })
    .optional(),
});
type ReportedPod = z.infer<typeof podSchema>;

const reportedPods: Resource<ReportedPod> = { ...pods, schema: podSchema };

async function listPods({ client }: Scope): Promise<readonly ReportedPod[]> {
  return (await client.list(reportedPods, { labelSelector: 'app.kubernetes.io/part-of=rock-mac' })).items;
}

/** The values of our own variables only: `extraEnv` may contain anything. */
function podForReport({ metadata: { name, namespace, labels }, spec, status }: ReportedPod) {
  const containers = [...spec.initContainers, ...spec.containers].map(({ env, ...each }) => ({
    ...each,
    env: env.map((variable) => (/^ROCK_MAC_/.test(variable.name) ? variable : { name: variable.name })),
  }));
  return { metadata: { name, namespace, labels }, containers, status };
}

const eventList = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ namespace: z.string(), creationTimestamp: z.string() }),
      reportingController: z.string().optional(),
      type: z.string().optional(),
      reason: z.string().optional(),
      note: z.string().optional(),
      regarding: z
        .object({ kind: z.string().optional(), namespace: z.string().optional(), name: z.string().optional() })
        .optional(),
      series: z.object({ count: z.int() }).nullish(),
      deprecatedCount: z.int().optional(),
    }),
  ),
});

/** How many Events are looked at: one page. */
const MOST_EVENTS = 2_000;

/** Returns the Events that the operator wrote, and those of the namespace of the installation. */
async function eventsOf(pods: readonly ReportedPod[], { client }: Scope): Promise<unknown> {
  const own = new Set(pods.map(({ metadata }) => metadata.namespace));
  const found = await client.raw('GET', `/apis/events.k8s.io/v1/events?limit=${String(MOST_EVENTS)}`);
  return eventList
    .parse(found)
    .items.filter(
      ({ metadata, reportingController = '' }) => reportingController.startsWith(GROUP) || own.has(metadata.namespace),
    );
}

/** Returns the end of the logs of all containers, and of those before a restart. */
async function logsOf(pods: readonly ReportedPod[], tail: number, { client }: Scope): Promise<CollectedFile[]> {
  const logs: CollectedFile[] = [];
  for (const { metadata, spec } of pods) {
    for (const { name } of [...spec.initContainers, ...spec.containers]) {
      for (const previous of [false, true]) {
        const path = `/api/v1/namespaces/${metadata.namespace ?? ''}/pods/${metadata.name}/log`;
        const query = `container=${name}&tailLines=${String(tail)}${previous ? '&previous=true' : ''}`;
        const lines = await client
          .raw('GET', `${path}?${query}`, undefined, { attempts: 1 })
          .then(linesOf, (error: unknown) =>
            previous ? undefined : [`not readable: ${error instanceof Error ? error.message : String(error)}`],
          );
        if (lines === undefined || lines.length === 0) continue; // it was never restarted, or has not started
        const file = `logs/${metadata.name}-${name}${previous ? '-before' : ''}.log`;
        logs.push({ name: file, about: 'the end of a log', content: { lines } });
      }
    }
  }
  return logs;
}

/** A log of a single line is parsed as JSON by the client. */
function linesOf(log: unknown): string[] {
  const text = typeof log === 'string' ? log : JSON.stringify(log);
  return text.split('\n').filter((line) => line !== '');
}
