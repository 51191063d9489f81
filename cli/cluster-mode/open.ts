import { z } from 'zod';
import { createKubeClient } from '../../kube/client/client.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { Backend } from '../backend.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { createTerminal } from '../terminal.ts';
import { createClusterBackend } from './cluster-backend.ts';
import { explainKubeError } from './explain-kube-error.ts';

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
    return createClusterBackend({
      client,
      requestTimeoutMs,
      namespace: named ?? (await client.contextNamespace()) ?? 'default',
      allNamespaces: given.allNamespaces,
      dryRun: given.dryRun,
      waitMs: parseTimeout('--timeout', given.timeout),
      notify,
      progress: createTerminal(process.stdout, process.stderr, process.env).progress,
    });
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
