import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { macPoolSpec } from '../../api/mac-pool.ts';
import { isInvalid } from '../../kube/client/errors.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { macPools } from '../../kube/client/mac-resources.ts';

const { reuseDelay, paused } = macPoolSpec.shape;
const installedPool = macPoolSpec.extend({
  name: z.string().min(1),
  // Without their defaults: what the list does not say stays as it is in a MacPool that is there.
  reuseDelay: reuseDelay.unwrap().optional(),
  paused: paused.unwrap().optional(),
});
export type InstalledPool = z.infer<typeof installedPool>;

/** What an installer wants pools to be: a JSON list, each like the spec of a MacPool with its name. */
export async function readInstalledPools(file: string | undefined): Promise<readonly InstalledPool[]> {
  if (file === undefined) return [];
  try {
    return z.array(installedPool).parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new Error(`The pools of the installation (${file}) cannot be used. Correct the file.\n${why}`, {
      cause: error,
    });
  }
}

/**
 * Makes the MacPools of the installation, and makes those that are there say the same. A chart cannot do it: it would have
 * to render objects of kinds that the same release brings. Pools that the list does not name are left alone.
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
      // A range that would shrink, say. The others must not wait for the person who corrects it.
      logger.error({ err: error, pool: name }, 'a pool of the installation is refused');
    }
  }
}

const FIELD_MANAGER = 'rock-mac-installation';
