import { z } from 'zod';
import { parsePrefix } from '../mac/mac-range.ts';
import { DEFAULT_PREFIX } from './default-pools.ts';
import { SYSTEM_NAMESPACE } from './names.ts';

export const port = z.coerce.number().int().min(0).max(65_535);

/** The environment variables that the operator and the webhook share. */
export const processEnvironment = {
  /** The Postgres URL of the ledger. The password may be in a file instead. */
  ROCK_MAC_LEDGER_URL: z.string('set it to the Postgres URL of the ledger').min(1, 'is empty'),
  ROCK_MAC_LEDGER_PASSWORD_FILE: z.string().optional(),
  /** The namespace of this installation. */
  ROCK_MAC_NAMESPACE: z.string().min(1).default(SYSTEM_NAMESPACE),
  ROCK_MAC_PREFIX: z
    .string()
    .default(DEFAULT_PREFIX)
    .transform((text, context) => {
      const prefix = parsePrefix(text);
      if (prefix === undefined) context.addIssue('must be one to five octets, such as a4:58:0f');
      return prefix ?? z.NEVER;
    }),
  /** The address of /healthz and /readyz; /metrics has its own port. */
  ROCK_MAC_HEALTH_HOST: z.string().default('::'),
  ROCK_MAC_HEALTH_PORT: port.default(8081),
  ROCK_MAC_METRICS_PORT: port.default(8443),
  ROCK_MAC_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  /** The kubeconfig; not needed in a pod. */
  KUBECONFIG: z.string().optional(),
};

/** Reads the environment of a process; nothing else does. Throws an Error that names every invalid variable. */
export function readEnvironment<T>(schema: z.ZodType<T>, env: NodeJS.ProcessEnv): T {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new Error(`The configuration in the environment is invalid:\n${z.prettifyError(parsed.error)}`);
}
