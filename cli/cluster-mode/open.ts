import { z } from 'zod';
import packageJson from '../../package.json' with { type: 'json' };
import { createKubeClient } from '../../kube/client/client.ts';
import type { Backend } from '../backend.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { createTerminal } from '../terminal.ts';
import { createClusterBackend } from './cluster-backend.ts';
import { explainKubeError } from './explain.ts';

const flags = z.object({
  kubeconfig: z.string().optional(),
  context: z.string().optional(),
  namespace: z.string().optional(),
  allNamespaces: z.boolean().default(false),
  as: z.string().optional(),
  // One text where a line is only completed.
  asGroup: z.union([z.array(z.string()), z.string().transform((group) => [group])]).default([]),
  requestTimeout: z.string().default('30s'),
  timeout: z.string().default('30s'),
  dryRun: z.boolean().default(false),
});

/** Opens the way to the cluster that the flags name. Connects at the first question. */
export async function openCluster(options: GlobalOptions, tell: (line: string) => void): Promise<Backend> {
  const { as: user, asGroup: groups, namespace: named, ...given } = flags.parse(options);
  const requestTimeoutMs = milliseconds('--request-timeout', given.requestTimeout);
  const client = createKubeClient({
    userAgent: `kubectl-rock_mac/${packageJson.version}`,
    kubeconfig: given.kubeconfig,
    context: given.context,
    impersonate: user === undefined ? undefined : { user, groups },
    requestTimeoutMs,
    // A person waits: a cluster that is away is said to be so in seconds.
    retry: { attempts: 3, backoff: { baseMs: 100, maxMs: 1_000 }, maxRetryAfterMs: 2_000 },
  });
  try {
    return createClusterBackend({
      ...{ client, requestTimeoutMs },
      namespace: named ?? (await client.contextNamespace()) ?? 'default',
      named: named !== undefined && !given.allNamespaces,
      allNamespaces: given.allNamespaces,
      dryRun: given.dryRun,
      waitMs: milliseconds('--timeout', given.timeout),
      tell,
      progress: createTerminal(process.stdout, process.stderr, process.env).progress,
    });
  } catch (error) {
    await client.close();
    throw explainKubeError(error, named ?? 'default');
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const LONGEST_MS = 24 * 3_600_000;

/** As kubectl takes them: `5s`, `1m`, or a bare number of seconds; 0 is no limit, for which a day will do. */
export function milliseconds(flag: string, text: string): number {
  const [, count = '', unit = 's'] = /^(\d{1,9})(ms|s|m|h)?$/.exec(text) ?? [];
  const wanted = Number(count) * (UNITS[unit] ?? 0);
  if (count === '') {
    throw new UserError(`${JSON.stringify(text)} is no time for ${flag}.`, 'Write it like 30s, 2m or 1h.', 'usage');
  }
  return wanted === 0 ? LONGEST_MS : Math.min(wanted, LONGEST_MS);
}
