import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { macPoolSpec } from '../../api/mac-pool.ts';
import { parseJson } from '../../api/parse-json.ts';
import { isInvalid } from '../../kube/client/errors.ts';
import { macPools } from '../../kube/client/mac-resources.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

const { reuseDelay, paused } = macPoolSpec.shape;
const installedPool = macPoolSpec.extend({
  name: z.string().min(1),
  // Without defaults: a field that the list leaves out stays unchanged in an existing MacPool.
  reuseDelay: reuseDelay.unwrap().optional(),
  paused: paused.unwrap().optional(),
});
export type InstalledPool = z.infer<typeof installedPool>;

const FIELD_MANAGER = 'rock-mac-installation';

/** Reads the pools of the installation: a JSON list in which each item is a MacPool's name and spec. */
export async function readInstalledPools(file: string | undefined): Promise<readonly InstalledPool[]> {
  if (file === undefined) return [];
  try {
    const pools = parseJson(await readFile(file, 'utf8'));
    if (pools === undefined) throw new Error('It is not JSON');
    return z.array(installedPool).parse(pools);
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new Error(`The pools of the installation (${file}) cannot be used. Correct the file.\n${why}`, {
      cause: error,
    });
  }
}

/**
 * Applies the MacPools of the installation. Does not touch pools that the list does not name. The chart cannot create them:
 * it would have to render objects of kinds that the same release installs.
 */
export async function applyInstalledPools(
  pools: readonly InstalledPool[],
  { client, logger }: Pick<OperatorDeps, 'client' | 'logger'>,
): Promise<void> {
  for (const { name, ...spec } of pools) {
    try {
      const body = { metadata: { name }, spec };
      await client.patch(macPools, { name }, { type: 'apply', body, force: true }, { fieldManager: FIELD_MANAGER });
    } catch (error) {
      if (!isInvalid(error)) throw error;
      // For example a range that would shrink. The other pools do not wait for its correction.
      logger.error({ err: error, pool: name }, 'the API server refuses a pool of the installation');
    }
  }
}
