import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parsePrefixList } from '../mac/mac-range.ts';
import { SYSTEM_NAMESPACE } from './names.ts';
import { systemReason } from './system-reason.ts';

export const port = z.coerce.number().int().min(0).max(65_535);

/** The prefixes of ROCK_MAC_PREFIXES, with spaces between them. */
export const prefixList = z.string().transform((text, context) => {
  const prefixes = parsePrefixList(text);
  if (prefixes === undefined) context.addIssue('must be prefixes of 2 to 10 hex digits, such as a4:58:0f');
  return prefixes ?? z.NEVER;
});

/** The environment variables that the operator and the webhook share. */
export const processEnvironment = {
  /** The Postgres URL of the ledger. It, or only its password, may be in a file instead. */
  ROCK_MAC_LEDGER_URL: z.string('set it to the Postgres URL of the ledger').min(1, 'is empty'),
  ROCK_MAC_LEDGER_URL_FILE: z.string().optional(),
  ROCK_MAC_LEDGER_PASSWORD_FILE: z.string().optional(),
  /** The namespace of this installation. */
  ROCK_MAC_NAMESPACE: z.string().min(1).default(SYSTEM_NAMESPACE),
  /** The identity of the cluster in the ledger, instead of the uid of kube-system. For a copy of another cluster. */
  ROCK_MAC_CLUSTER_ID: z
    .string()
    .max(64)
    .optional()
    .transform((text) => (text === '' ? undefined : text)),
  /** The address of /healthz and /readyz; /metrics has its own port. */
  ROCK_MAC_HEALTH_HOST: z.string().default('::'),
  ROCK_MAC_HEALTH_PORT: port.default(8081),
  ROCK_MAC_METRICS_PORT: port.default(8443),
  /** The audience of the tokens of scrapers. Without it they are tokens for the API server. */
  ROCK_MAC_METRICS_AUDIENCE: z.string().min(1).optional(),
  ROCK_MAC_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  /** The kubeconfig; not needed in a pod. */
  KUBECONFIG: z.string().optional(),
};

/** Reads the environment of a process; nothing else does. Throws an Error that names every invalid variable. */
export function readEnvironment<T>(schema: z.ZodType<T>, env: NodeJS.ProcessEnv): T {
  const parsed = schema.safeParse(withUrlOfFile(env));
  if (parsed.success) return parsed.data;
  throw new Error(`The configuration in the environment is invalid:\n${z.prettifyError(parsed.error)}`);
}

/** Adds the URL of the ledger from the file that the environment names. An environment is easier to read than a file. */
export function withUrlOfFile(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { ROCK_MAC_LEDGER_URL: url = '', ROCK_MAC_LEDGER_URL_FILE: file = '' } = env;
  if (url !== '' || file === '') return env;
  try {
    return { ...env, ROCK_MAC_LEDGER_URL: readFileSync(file, 'utf8').trim() };
  } catch (cause) {
    throw new Error(`The file ${file} of ROCK_MAC_LEDGER_URL_FILE cannot be read (${systemReason(cause)}).`, { cause });
  }
}

/** How to reach the ledger. */
export interface LedgerSource {
  readonly url: string;
  /** The file that the URL is from. */
  readonly urlFile: string | undefined;
  readonly passwordFile: string | undefined;
}

export function ledgerSource(config: {
  readonly ROCK_MAC_LEDGER_URL: string;
  readonly ROCK_MAC_LEDGER_URL_FILE?: string | undefined;
  readonly ROCK_MAC_LEDGER_PASSWORD_FILE?: string | undefined;
}): LedgerSource {
  return {
    url: config.ROCK_MAC_LEDGER_URL,
    urlFile: config.ROCK_MAC_LEDGER_URL_FILE,
    passwordFile: config.ROCK_MAC_LEDGER_PASSWORD_FILE,
  };
}
