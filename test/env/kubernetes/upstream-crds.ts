import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);

/** A Go module of another project that contains its CRDs. No copy of it is in this repository. */
export interface UpstreamCrds {
  readonly module: string;
  readonly version: string;
  /** Its hash, as in go.sum. */
  readonly sum: string;
  readonly folder: string;
}

export const prometheusOperator: UpstreamCrds = {
  module: 'github.com/prometheus-operator/prometheus-operator',
  version: 'v0.85.0',
  sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
  folder: 'example/prometheus-operator-crd',
};

/** The oldest version that deploy/examples/cloudnative-pg.yaml supports. */
export const cloudNativePg: UpstreamCrds = {
  module: 'github.com/cloudnative-pg/cloudnative-pg',
  version: 'v1.28.0',
  sum: 'h1:vkv0a0ewDSfJOPJrsyUr4uczsxheReAWf/k171V0Dm0=',
  folder: 'config/crd/bases',
};

const answer = z.object({ Dir: z.string(), Sum: z.string() });

/**
 * Returns the folder of a project's CRDs, which Go takes from its cache or the module proxy. Returns undefined if there is no
 * Go, or no proxy. Throws if the hash differs from the pinned one.
 */
export async function findUpstreamCrds({ module, version, sum, folder }: UpstreamCrds): Promise<string | undefined> {
  let downloaded: z.infer<typeof answer>;
  try {
    // Outside of every Go module, so that no go.mod must require it.
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
