import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);

/** A Go module of another project that carries its CRDs: nothing of it is kept here. */
export interface UpstreamCrds {
  readonly module: string;
  readonly version: string;
  /** What go.sum would say of it. */
  readonly sum: string;
  readonly folder: string;
}

export const prometheusOperator: UpstreamCrds = {
  module: 'github.com/prometheus-operator/prometheus-operator',
  version: 'v0.85.0',
  sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
  folder: 'example/prometheus-operator-crd',
};

/** The oldest that the example of ours is for. */
export const cloudNativePg: UpstreamCrds = {
  module: 'github.com/cloudnative-pg/cloudnative-pg',
  version: 'v1.28.0',
  sum: 'h1:vkv0a0ewDSfJOPJrsyUr4uczsxheReAWf/k171V0Dm0=',
  folder: 'config/crd/bases',
};

const answer = z.object({ Dir: z.string(), Sum: z.string() });

/**
 * The folder of a project's CRDs, by Go from its cache or the module proxy. Undefined where there is no Go, or neither;
 * throws when what came is not what is pinned.
 */
export async function findUpstreamCrds({ module, version, sum, folder }: UpstreamCrds): Promise<string | undefined> {
  let downloaded: z.infer<typeof answer>;
  try {
    // Outside of every module, so that nothing here has to require it.
    const { stdout } = await run('go', ['mod', 'download', '-json', `${module}@${version}`], {
      cwd: tmpdir(),
      timeout: 60_000,
    });
    downloaded = answer.parse(JSON.parse(stdout));
  } catch {
    return undefined;
  }
  if (downloaded.Sum !== sum) throw new Error(`${module}@${version} has the sum ${downloaded.Sum}, and not ${sum}`);
  return path.join(downloaded.Dir, folder);
}
