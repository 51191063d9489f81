import { X509Certificate } from 'node:crypto';
import {
  ALLOCATION_METADATA_POLICY,
  HANDOVER_POLICY,
  NAMESPACE_POOLS_POLICY,
  NETWORK_POOLS_POLICY,
  OPERATOR_PODS_POLICY,
  POOL_USE_POLICY,
  WEBHOOK_CA_POLICY,
  WEBHOOK_CONFIGURATION,
} from '../../api/names.ts';
import { KubeError } from '../../kube/client/errors.ts';
import { macAllocations, type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import { reviewSelf } from '../../kube/client/reviews.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { clusterFindings } from '../doctor/cluster-findings.ts';
import { examine, failure, type Finding, fine, warning } from '../doctor/finding.ts';
import { ledgerFindings } from '../doctor/ledger-findings.ts';
import { poolFindings } from '../doctor/pool-findings.ts';
import { formatMinutes } from '../output/time.ts';
import { componentPods, policyBindings, webhookConfigurations } from './doctor-resources.ts';
import { explainKubeError } from './explain-kube-error.ts';
import { CLUSTERS, type LedgerReader, LEDGERS, ReadApiUnavailable } from './ledger-reader.ts';
import { statsOfLedger } from './read-ledger.ts';
import { statsOfCluster } from './read-pools.ts';
import type { Scope } from './scope.ts';
import { withoutReadApi } from './without-read-api.ts';

const PROGRAM = 'kubectl rock-mac';

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

/** The webhook replaces its certificates long before this. */
const CERTIFICATE_ENDS_SOON_MS = 3 * 86_400_000;

/** Examines the installation in a cluster, as far as the user may see it. */
export async function diagnoseCluster(scope: Scope, reader: LedgerReader): Promise<readonly Finding[]> {
  const check = (subject: string, work: () => Promise<readonly Finding[]>) =>
    examine(subject, work, (error) => explainKubeError(error, scope.namespace));
  const reached = await check('cluster', async () => {
    const { username } = await reviewSelf(scope.client);
    return [fine('cluster', `reached as ${username}, namespace ${scope.namespace}`)];
  });
  if (reached.some(({ level }) => level === 'error')) return reached;
  const parts: readonly (readonly Finding[])[] = [
    await check('components', () => components(scope)),
    await check('pools', () => definitions(scope)),
    await check('webhook', async () => [await webhook(scope)]),
    await check('certificate', async () => [await certificate(scope)]),
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

/** Creates a claim that is never stored. The API server sends it to the webhook before any policy sees it. */
async function webhook({ client, namespace }: Scope): Promise<Finding> {
  const pool = (await client.list(macPools)).items[0]?.metadata.name ?? 'kubernetes';
  const metadata = { generateName: 'doctor-', namespace };
  try {
    await client.create(macAllocations, { metadata, spec: { pool } }, { dryRun: true });
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 403) throw error;
    if (error.message.includes('may not use MacPool')) return fine('webhook', 'the API server reaches it');
    return warning(
      'webhook',
      `not tested: ${error.message}`,
      `Run it with a role that may create MacAllocations in namespace ${namespace}, or name another one with -n.`,
    );
  }
  return fine('webhook', 'the API server reaches it');
}

/** Evaluates the CAs that the API server trusts. */
async function certificate({ client }: Scope): Promise<Finding> {
  const found = await visible('certificate', () => client.get(webhookConfigurations, { name: WEBHOOK_CONFIGURATION }));
  if ('level' in found) return found;
  const bundles = found.webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? '');
  if (bundles.length === 0 || bundles.includes('')) {
    return failure('certificate', 'the webhook has not published its CA', 'See the log of the webhook.');
  }
  const ends = Math.min(...bundles.map(lastEnd));
  const text = `the CA of the webhook ends on ${formatMinutes(new Date(ends))}`;
  if (ends - Date.now() > CERTIFICATE_ENDS_SOON_MS) return fine('certificate', text);
  return failure('certificate', text, 'The webhook has not replaced it in time: see its log.');
}

/** Returns when the newest certificate of a bundle ends. A bundle also has the CA before. */
function lastEnd(bundle: string): number {
  const pems = Buffer.from(bundle, 'base64')
    .toString()
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return Math.max(0, ...(pems ?? []).map((pem) => new X509Certificate(pem).validToDate.getTime()));
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
    return [
      ...(state === undefined ? [] : ledgerFindings(state, now)),
      ...poolFindings(await statsOfLedger(reader), PROGRAM),
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

/** Reads something that few users may read. Returns a warning if this one may not. */
async function visible<T extends object>(subject: string, read: () => Promise<T>): Promise<T | Finding> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 403) throw error;
    return warning(subject, `not examined: ${error.message}`, 'Run it as an administrator of the cluster.');
  }
}
