import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { KubeClient } from '../../kube/client/client.ts';
import { KubeError } from '../../kube/client/errors.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
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
  expect(counts).toEqual({ claims: 0, stickyClaims: 0, mirrors: 0 });
});

test('sticky claims stay without their finalizers, so that the next installation knows how long their addresses stay', async () => {
  const spec = { pool: 'kubernetes', stickyFor: { kind: 'Pod', name: 'web-0', nic: 'lan' } };
  const finalizers = ['mac.rock-os.io/release'];
  const metadata = { name: 'web-0-1a2b3c4d', namespace: 'web', uid: 'u', resourceVersion: '1', finalizers };
  const claim: MacAllocation = { metadata, spec };
  const calls: string[] = [];
  const record = (verb: string) => (_: unknown, key: { readonly name: string }) => {
    if (key.name === metadata.name) calls.push(verb);
    return Promise.resolve(claim);
  };
  const client = {
    delete: record('delete'),
    patch: record('patch'),
    find: () => Promise.resolve(undefined),
    list: () => Promise.resolve({ items: [claim], resourceVersion: '1' }),
  };
  const counts = await prepareUninstall({
    client: client as unknown as KubeClient,
    namespace: 'rock-mac-system',
    logger: pino({ level: 'silent' }),
    pause: () => Promise.resolve(),
  });
  expect(counts).toEqual({ claims: 0, stickyClaims: 1, mirrors: 0 });
  expect(calls).toEqual(['patch']);
});
