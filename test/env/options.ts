import { z } from 'zod';
import type { TestEnvOptions } from './env.ts';

const port = z.coerce.number().int().min(1).max(65_535).optional();

const variables = z.object({
  ROCK_MAC_ENV_API_PORT: port,
  ROCK_MAC_ENV_POSTGRES_PORT: port,
  ROCK_MAC_ENV_ETCD_PORT: port,
  NODE: z.coerce.number().int().min(0).max(9).default(0),
});

export type UserOptions = Pick<TestEnvOptions, 'controlPlanes' | 'postgres'> & { readonly nodes: number };

/** Reads the ports that the user fixed and the number of nodes by environment variables. Throws if one is wrong. */
export function optionsFromEnvironment(env: NodeJS.ProcessEnv): UserOptions {
  const read = variables.safeParse(withoutEmpty(env));
  if (!read.success) {
    const names = read.error.issues.map((issue) => issue.path.join('.'));
    const wanted = names.includes('NODE') ? 'the number of nodes, at most 9' : 'a port between 1 and 65535';
    throw new Error(`${names.join(', ')} must be ${wanted}. Correct or unset it.`);
  }
  const { ROCK_MAC_ENV_API_PORT: api, ROCK_MAC_ENV_POSTGRES_PORT: postgres, ROCK_MAC_ENV_ETCD_PORT: etcd } = read.data;
  return {
    controlPlanes: [{ ports: { ...(api !== undefined && { api }), ...(etcd !== undefined && { etcd }) } }],
    postgres: postgres === undefined ? {} : { port: postgres },
    nodes: read.data.NODE,
  };
}

/** `NAME= make env` means the same as an unset variable. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}
