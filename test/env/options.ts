import { z } from 'zod';
import type { TestEnvOptions } from './env.ts';

const port = z.coerce.number().int().min(1).max(65_535).optional();

const variables = z.object({
  ROCK_MAC_ENV_API_PORT: port,
  ROCK_MAC_ENV_POSTGRES_PORT: port,
  ROCK_MAC_ENV_ETCD_PORT: port,
});

/** Reads the ports that the user fixed by environment variables. Throws if one is not a port. */
export function optionsFromEnvironment(env: NodeJS.ProcessEnv): Pick<TestEnvOptions, 'controlPlanes' | 'postgres'> {
  const read = variables.safeParse(withoutEmpty(env));
  if (!read.success) {
    const names = read.error.issues.map((issue) => issue.path.join('.'));
    throw new Error(`${names.join(', ')} must be a port between 1 and 65535. Correct or unset it.`);
  }
  const { ROCK_MAC_ENV_API_PORT: api, ROCK_MAC_ENV_POSTGRES_PORT: postgres, ROCK_MAC_ENV_ETCD_PORT: etcd } = read.data;
  return {
    controlPlanes: [{ ports: { ...(api !== undefined && { api }), ...(etcd !== undefined && { etcd }) } }],
    postgres: postgres === undefined ? {} : { port: postgres },
  };
}

/** `NAME= make env` means the same as an unset variable. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}
