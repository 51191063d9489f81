import { expect, test } from 'vitest';
import type { Network } from '../watch/networks.ts';
import { findPools } from './find-pools.ts';

interface Asked {
  readonly kind?: 'Pod' | 'VirtualMachine';
  readonly network: Network;
  readonly own?: string;
  readonly stored?: string;
  readonly claim?: string;
}

async function find({ kind = 'VirtualMachine', network, own, stored, claim }: Asked) {
  const annotated = (pool: string | undefined) => ({
    metadata: { annotations: pool === undefined ? {} : { 'mac.rock-os.io/pool': pool } },
  });
  const oldObject = stored === undefined ? undefined : annotated(stored);
  const requests = [{ nic: 'a', ...(claim !== undefined && { claim }) }];
  return await findPools(
    { addressRequests: requests, networks: new Map([['a', 'blue']]) },
    { pool: 'kubernetes' },
    { kind, namespace: 'web', request: { oldObject }, object: annotated(own) },
    (names) => Promise.resolve(new Map(names.map((name) => [name, network]))),
  );
}

const unread: Network = { support: 'unknown', isPoolUnknown: true };

test('an object on a network that cannot be read now is refused for now', async () => {
  expect(await find({ network: unread })).toMatchObject({
    ok: false,
    refusal: {
      code: 503,
      message: expect.stringMatching(/Network web\/blue could not be read.*\nTry again/) as string,
    },
  });
});

test.each([
  ['that names its pool itself', { own: 'fast' }],
  ['that has its address from a claim', { claim: 'gate' }],
])('an object %s does not depend on its network', async (_, asked) => {
  expect(await find({ network: unread, ...asked })).toMatchObject({ ok: true, warnings: [] });
});

test('the author of a machine is warned of a network that does not exist; that of a pod is warned elsewhere', async () => {
  const network: Network = { support: 'missing' };
  const warnings = [expect.stringContaining('network web/blue does not exist yet') as string];
  expect(await find({ network })).toMatchObject({ ok: true, warnings });
  expect(await find({ network, kind: 'Pod' })).toMatchObject({ ok: true, warnings: [] });
});

test.each<[string, 'Pod' | 'VirtualMachine', string, boolean]>([
  ['the pool that a stored machine names already', 'VirtualMachine', 'fast', true],
  ['a pool that an update names', 'VirtualMachine', 'slow', false],
  ['the pool that a stored pod names already', 'Pod', 'fast', false],
])('%s: whether its author was asked', async (_, kind, stored, isGranted) => {
  const found = await find({ network: { support: 'honoured' }, kind, own: 'fast', stored });
  expect(found).toMatchObject({ requests: [{ pool: { name: 'fast', isGranted } }] });
});
