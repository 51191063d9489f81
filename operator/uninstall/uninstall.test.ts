import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { KubeClient } from '../../kube/client/client.ts';
import { KubeError } from '../../kube/client/errors.ts';
import { prepareUninstall } from './uninstall.ts';

const missing = () => Promise.reject(new KubeError({ status: 404, reason: 'NotFound', message: 'not found' }));

/** A cluster in which nothing of the installation exists, until the list of allocations was read `reads` times. */
function emptyCluster(reads: number): Pick<KubeClient, 'delete' | 'find' | 'list'> {
  let count = 0;
  return {
    delete: missing,
    find: () => Promise.resolve(undefined),
    list: () => (++count < reads ? missing() : Promise.resolve({ items: [], resourceVersion: '1' })),
  };
}

test.each([
  ['without the CRDs', Infinity],
  ['whose API server starts', 3],
])('the removal from a cluster %s ends', async (_case, reads) => {
  const counts = await prepareUninstall({
    client: emptyCluster(reads) as KubeClient,
    namespace: 'rock-mac-system',
    logger: pino({ level: 'silent' }),
    pause: () => Promise.resolve(),
  });
  expect(counts).toEqual({ claims: 0, mirrors: 0 });
});
