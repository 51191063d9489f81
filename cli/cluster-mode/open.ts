import { z } from 'zod';
import { createKubeClient } from '../../kube/client/client.ts';
import { loadKubeConfig } from '../../kube/client/kubeconfig.ts';
import { reviewSelf } from '../../kube/client/reviews.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { Backend } from '../backend.ts';
import type { GlobalOptions } from '../cli.ts';
import type { ConsoleSource } from '../console/source.ts';
import type { Finding } from '../doctor/finding.ts';
import { UserError } from '../errors.ts';
import type { Collected, CollectOptions } from '../report/collect.ts';
import type { ServerVersions } from '../server-versions.ts';
import { createTerminal } from '../terminal.ts';
import { createClusterBackend } from './cluster-backend.ts';
import { createClusterActions } from './console-actions.ts';
import { createClusterConsoleData } from './console-data.ts';
import { diagnoseCluster } from './doctor.ts';
import { explainKubeError } from './explain-kube-error.ts';
import { createLedgerReader } from './ledger-reader.ts';
import { collectFromCluster } from './report.ts';
import type { Scope } from './scope.ts';
import { clusterVersions } from './versions.ts';

const flags = z.object({
  kubeconfig: z.string().optional(),
  context: z.string().optional(),
  namespace: z.string().optional(),
  allNamespaces: z.boolean().default(false),
  as: z.string().optional(),
  // Completion passes a single group as a string.
  asGroup: z.union([z.array(z.string()), z.string().transform((group) => [group])]).default([]),
  requestTimeout: z.string().default('30s'),
  timeout: z.string().default('30s'),
  dryRun: z.boolean().default(false),
});

/** Opens the backend for the cluster that the flags name. Connects with the first request. */
export async function openCluster(options: GlobalOptions, notify: (line: string) => void): Promise<Backend> {
  return createClusterBackend(await openScope(options, notify));
}

/** Opens what the console shows of the cluster that the flags name. Asks the API server who the user is. */
export async function openConsole(options: GlobalOptions, notify: (line: string) => void): Promise<ConsoleSource> {
  const scope = await openScope(options, notify);
  try {
    const { kubeconfig, context } = flags.parse(options);
    const place = loadKubeConfig({ kubeconfig, context }).getCurrentContext();
    const { username: user } = await reviewSelf(scope.client);
    const data = createClusterConsoleData({
      scope,
      reader: createLedgerReader(scope),
      user,
      place,
      now: () => new Date(),
    });
    const actions = createClusterActions(scope, createClusterBackend, data);
    return { ...data, actions, close: () => scope.client.close() };
  } catch (error) {
    await scope.client.close();
    throw explainKubeError(error, scope.namespace);
  }
}

const doctorFlags = z.object({ admission: z.boolean().default(false) });

/** Examines the installation in the cluster that the flags name. */
export async function diagnose(options: GlobalOptions, notify: (line: string) => void): Promise<readonly Finding[]> {
  const scope = await openScope(options, notify);
  try {
    return await diagnoseCluster(scope, createLedgerReader(scope), doctorFlags.parse(options));
  } finally {
    await scope.client.close();
  }
}

/** Somebody who asks for a version does not wait for a cluster that is down. */
const VERSION_LIMIT = '3s';

/** Reads the versions of the cluster that the flags name. Its requests end within seconds, whatever --request-timeout is. */
export async function versions(options: GlobalOptions): Promise<ServerVersions> {
  const ignore = () => undefined;
  try {
    const scope = await openScope({ ...options, requestTimeout: VERSION_LIMIT }, ignore);
    try {
      return await clusterVersions(scope, createLedgerReader(scope));
    } finally {
      await scope.client.close();
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { notes: [error.message] };
  }
}

/** Collects what a report says about the installation in the cluster that the flags name. */
export async function collectReport(
  options: GlobalOptions,
  what: CollectOptions,
  notify: (line: string) => void,
): Promise<Collected> {
  const scope = await openScope(options, notify);
  try {
    return await collectFromCluster(scope, createLedgerReader(scope), what);
  } finally {
    await scope.client.close();
  }
}

/** Opens the cluster for a program that closes its client. */
export async function openScope(options: GlobalOptions, notify: (line: string) => void): Promise<Scope> {
  const { as: user, asGroup: groups, namespace: named, ...given } = flags.parse(options);
  const requestTimeoutMs = parseTimeout('--request-timeout', given.requestTimeout);
  const client = createKubeClient({
    userAgent: `kubectl-rock_mac/${packageJson.version}`,
    kubeconfig: given.kubeconfig,
    context: given.context,
    impersonate: user === undefined ? undefined : { user, groups },
    requestTimeoutMs,
    // Few short retries, so that a user learns within seconds that the cluster is unreachable.
    retry: { attempts: 3, backoff: { baseMs: 100, maxMs: 1_000 }, maxRetryAfterMs: 2_000 },
  });
  try {
    return {
      client,
      requestTimeoutMs,
      namespace: named ?? (await client.contextNamespace()) ?? 'default',
      allNamespaces: given.allNamespaces,
      dryRun: given.dryRun,
      waitMs: parseTimeout('--timeout', given.timeout),
      notify,
      progress: createTerminal(process.stdout, process.stderr, process.env).progress,
    };
  } catch (error) {
    await client.close();
    throw explainKubeError(error, named ?? 'default');
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** The longest timeout, and what 0 (no limit) stands for: no command runs for a day. */
const MAX_TIMEOUT_MS = 24 * 3_600_000;

/** Parses a timeout like kubectl, into milliseconds: `5s`, `1m`, or a number of seconds; 0 means no limit. */
function parseTimeout(flag: string, text: string): number {
  const [, count = '', unit = 's'] = /^(\d{1,9})(ms|s|m|h)?$/.exec(text) ?? [];
  const timeoutMs = Number(count) * (UNITS[unit] ?? 0);
  if (count === '') {
    throw new UserError(`${JSON.stringify(text)} is no time for ${flag}.`, 'Write it like 30s, 2m or 1h.', 'usage');
  }
  return timeoutMs === 0 ? MAX_TIMEOUT_MS : Math.min(timeoutMs, MAX_TIMEOUT_MS);
}
