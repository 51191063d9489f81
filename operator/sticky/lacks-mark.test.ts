import { expect, test } from 'vitest';
import { stickyKey } from '../../ledger/address/holder-key.ts';
import { lacksMark, type LacksMarkDeps } from './lacks-mark.ts';

const KEY = stickyKey({ clusterId: 'c', kind: 'Pod', namespace: 'web', name: 'web-0', nic: 'eth0' });
const pod = { metadata: { namespace: 'web', name: 'web-0', uid: 'u', resourceVersion: '1' } };
const pods = { resource: { kind: 'Pod' } } as LacksMarkDeps['kinds'][number];

/** Asks for the pod while its claim shows the mark of a node, or none, and the ledger has that of another, or none. */
async function ask(shown: string | undefined, inLedger: string | undefined) {
  const claim = {
    metadata: { namespace: 'web', name: 'web-0-1a2b' },
    spec: { mac: 'a4:58:0f:05:00:01', stickyFor: { kind: 'Pod', name: 'web-0', nic: 'eth0' } },
    status: shown === undefined ? undefined : { unreachableConsumer: { node: shown } },
  };
  const fired: string[] = [];
  const deps = {
    ledger: { query: () => Promise.resolve([{ key: KEY, unreachableNode: inLedger }]) },
    kinds: [pods],
    clusterId: 'c',
    allocations: { by: () => [claim] },
    markChanged: { fire: (node: string) => fired.push(node) },
  } as unknown as LacksMarkDeps;
  return { lacks: await lacksMark(pod, pods, deps), fired };
}

test('the ledger lacks a mark that the claim shows, and its node is reconciled at once', async () => {
  expect(await ask('worker-1', undefined)).toEqual({ lacks: true, fired: ['worker-1'] });
});

test.each([
  ['no claim shows a mark', undefined, undefined],
  ['it has the mark', 'worker-1', 'worker-1'],
  ['it has that of another node, which keeps the address too', 'worker-1', 'worker-2'],
])('the ledger lacks no mark if %s', async (_, shown, inLedger) => {
  expect(await ask(shown, inLedger)).toEqual({ lacks: false, fired: [] });
});
