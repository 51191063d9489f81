import {
  ALLOCATION_METADATA_POLICY,
  HANDOVER_POLICY,
  NAMESPACE_POOLS_POLICY,
  NETWORK_POOLS_POLICY,
  OPERATOR_PODS_POLICY,
  POOL_USE_POLICY,
  WEBHOOK_CA_POLICY,
} from '../../api/names.ts';
import { KubeError } from '../../kube/client/errors.ts';
import { type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import { reviewSelf } from '../../kube/client/reviews.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import { decodeObservation } from '../../ledger/view/observation-view.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { clusterFindings } from '../doctor/cluster-findings.ts';
import { examine, failure, type Finding, fine, warning } from '../doctor/finding.ts';
import { ledgerFindings } from '../doctor/ledger-findings.ts';
import { poolFindings } from '../doctor/pool-findings.ts';
import { sharedFindings } from '../doctor/shared-findings.ts';
import { testClaim, testPod } from './doctor-admission.ts';
import { readApiCertificate, webhookCertificate } from './doctor-certificates.ts';
import { componentPods, policyBindings } from './doctor-resources.ts';
import { explainKubeError } from './explain-kube-error.ts';
import { CLUSTERS, type LedgerReader, LEDGERS, OBSERVATIONS, ReadApiUnavailable } from './ledger-reader.ts';
import { statsOfLedger } from './read-ledger.ts';
import { statsOfCluster } from './read-pools.ts';
import type { Scope } from './scope.ts';
import { withoutReadApi } from './without-read-api.ts';

const PROGRAM = 'kubectl rock-mac';

/** How many observed addresses are compared: one page. */
const MOST_OBSERVATIONS = 5_000;

/** The policies of every installation. The others depend on its values. */
const POLICIES = [
  ALLOCATION_METADATA_POLICY,
  HANDOVER_POLICY,
  NAMESPACE_POOLS_POLICY,
  NETWORK_POOLS_POLICY,
  OPERATOR_PODS_POLICY,
  POOL_USE_POLICY,
  WEBHOOK_CA_POLICY,
];

/** Examines the installation in a cluster, as far as the user may see it. `admission`: only whether new objects reach the webhook. */
export async function diagnoseCluster(
  scope: Scope,
  reader: LedgerReader,
  { admission = false }: { readonly admission?: boolean } = {},
): Promise<readonly Finding[]> {
  const check = (subject: string, work: () => Promise<readonly Finding[]>) =>
    examine(subject, work, (error) => explainKubeError(error, scope.namespace));
  const webhook = async () => [
    ...(await check('webhook', async () => [await testClaim(scope)])),
    ...(await check('webhook', async () => [await testPod(scope)])),
  ];
  const reached = await check('cluster', async () => {
    const { username } = await reviewSelf(scope.client);
    return [fine('cluster', `reached as ${username}, namespace ${scope.namespace}`)];
  });
  if (reached.some(({ level }) => level === 'error')) return reached;
  if (admission) return [...reached, ...(await webhook())];
  const parts: readonly (readonly Finding[])[] = [
    await check('components', () => components(scope)),
    await check('pools', () => definitions(scope)),
    await webhook(),
    await check('certificate', () => visibleAll('certificate', () => webhookCertificate(scope))),
    await check('certificate', () => visibleAll('certificate', () => readApiCertificate(scope))),
    await check('policies', async () => [await policies(scope)]),
    await check('ledger', () => ledger(scope, reader)),
  ];
  return [...reached, ...parts.flat()];
}

/** Counts the pods of each component, and compares their versions with that of the plugin. */
async function components({ client }: Scope): Promise<Finding[]> {
  const listed = await visible('components', () =>
    client.list(componentPods, { labelSelector: 'app.kubernetes.io/part-of=rock-mac' }),
  );
  if ('level' in listed) return [listed];
  // They may run elsewhere. The webhook and the read API are examined in any case.
  if (listed.items.length === 0) {
    return [warning('components', 'this cluster has no pods of rock-mac', 'Install it here, or see where it runs.')];
  }
  const found = ['rock-mac-operator', 'rock-mac-webhook'].map((component) => {
    const pods = listed.items.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === component);
    const ready = pods.filter(({ status }) => findReady(status.conditions));
    const text = `${component}: ${String(ready.length)} of ${String(pods.length)} pods are ready`;
    if (ready.length > 0) return fine('components', text);
    return failure('components', text, `See \`kubectl describe pods -A -l app.kubernetes.io/component=${component}\`.`);
  });
  const versions = new Set(
    listed.items.flatMap(({ metadata }) => metadata.labels?.['app.kubernetes.io/version'] ?? []),
  );
  const others = [...versions].filter((version) => version !== packageJson.version);
  return [
    ...found,
    others.length === 0
      ? fine('versions', `the plugin and the installation are ${packageJson.version}`)
      : warning(
          'versions',
          `the plugin is ${packageJson.version}, and pods are ${others.join(', ')}`,
          'Update the older one.',
        ),
  ];
}

function findReady(conditions: readonly { readonly type: string; readonly status: string }[]): boolean {
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

/** Reports the MacPools that the ledger does not have as they are written. */
async function definitions({ client }: Scope): Promise<Finding[]> {
  const { items } = await client.list(macPools);
  return items.flatMap((pool) => definitionOf(pool) ?? []);
}

function definitionOf({ metadata, status }: MacPool): Finding | undefined {
  const ready = findCondition(status?.conditions ?? [], 'Ready');
  if (ready === undefined) {
    return warning('pools', `no operator has seen MacPool ${metadata.name} yet`, 'See the log of the operator.');
  }
  if (ready.status === 'True' || ready.reason === 'Paused') return undefined;
  return failure('pools', `MacPool ${metadata.name} is not ready (${ready.reason})`, `${ready.message}.`);
}

async function policies({ client }: Scope): Promise<Finding> {
  const listed = await visible('policies', () => client.list(policyBindings));
  if ('level' in listed) return listed;
  const names = new Set(listed.items.map(({ metadata }) => metadata.name));
  const missing = POLICIES.filter((name) => !names.has(name));
  if (missing.length === 0) return fine('policies', 'all are bound');
  return failure('policies', `not bound: ${missing.join(', ')}`, 'Install rock-mac again, with its policies.');
}

async function ledger(scope: Scope, reader: LedgerReader): Promise<Finding[]> {
  const now = new Date();
  try {
    const [state] = (await reader.list(LEDGERS, { fields: {} })).items;
    const clusters = (await reader.list(CLUSTERS, { fields: {} })).items;
    const seen = await reader.list(OBSERVATIONS, { fields: {}, limit: MOST_OBSERVATIONS });
    return [
      ...(state === undefined ? [] : ledgerFindings(state, now)),
      ...poolFindings(await statsOfLedger(reader), PROGRAM),
      ...sharedFindings(seen.items.map(decodeObservation), PROGRAM),
      ...clusterFindings(clusters.map(toCluster), now),
    ];
  } catch (error) {
    if (!(error instanceof ReadApiUnavailable)) throw error;
    const { cause, nextStep } = withoutReadApi('The state of the ledger', error);
    const level = error.forbidden ? warning : failure;
    return [level('read-api', cause, nextStep), ...poolFindings(await statsOfCluster(scope), PROGRAM)];
  }
}

type ClusterItem = Parameters<typeof clusterFindings>[0][number];

function toCluster(item: {
  readonly clusterName: string;
  readonly adoptedAt?: string | undefined;
  readonly lastResyncAt?: string | undefined;
  readonly retiredAt?: string | undefined;
  readonly sharedSince?: string | undefined;
}): ClusterItem {
  const date = (text: string | undefined) => (text === undefined ? undefined : new Date(text));
  return {
    name: item.clusterName,
    adoptedAt: date(item.adoptedAt),
    lastResyncAt: date(item.lastResyncAt),
    retiredAt: date(item.retiredAt),
    sharedSince: date(item.sharedSince),
  };
}

/** As `visible`, for findings. */
async function visibleAll(subject: string, read: () => Promise<Finding[]>): Promise<Finding[]> {
  const found = await visible(subject, read);
  return 'level' in found ? [found] : found;
}

/** Reads something that few users may read. Returns a warning if this one may not. */
async function visible<T extends object>(subject: string, read: () => Promise<T>): Promise<T | Finding> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 403) throw error;
    return warning(subject, `not examined: ${error.message}`, 'Run it as an administrator of the cluster.');
  }
}
