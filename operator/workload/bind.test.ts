import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createKubeClient } from '../../kube/client/client.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { mac } from '../../mac/mac-address.ts';
import { type MacPrefix, parsePrefix } from '../../mac/mac-range.ts';
import { json, startTestServer } from '../../test/doubles/http-server.ts';
import { podWorkload } from '../live/pod.ts';
import { mirrorAndBind } from './bind.ts';

const MAC = mac('a4:58:0f:05:00:01');
const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'web', uid: 'u1', nic: 'team/blue#0' };
const metadata = { namespace: 'team', name: 'web', uid: 'u1', resourceVersion: '1' };
const kind = podWorkload(parsePrefix('a4:58:0f') as MacPrefix);
const address = { mac: MAC, owner, kind, workload: { metadata, nics: [{ nic: owner.nic, mac: MAC }], uses: [MAC] } };
const row: AddressRow = {
  mac: MAC,
  pool: 'kubernetes',
  state: 'pending',
  generation: 3,
  key: 'key of the admission',
  origin: 'allocate',
  observed: false,
  metadata: {},
  allocatedAt: new Date(0),
  changedAt: new Date(0),
  requester: 'alice',
  actor: 'webhook',
  reason: '',
};

async function bindWith(outcome: 'bound' | 'conflict') {
  const stored = { metadata: { namespace: 'team', name: 'web-1a2b3c4d', uid: 'm1', resourceVersion: '2' }, spec: {} };
  const server = await startTestServer(json(201, stored), json(200, stored));
  const client = createKubeClient({ kubeconfig: server.kubeconfig(), userAgent: 'rock-mac-test' });
  onTestFinished(async () => {
    await client.close();
    await server[Symbol.asyncDispose]();
  });
  const never = () => Promise.reject(new Error('not expected'));
  const bound = mirrorAndBind(address, row, {
    allocations: { get: () => undefined } as never,
    groupedCalls: {
      findByMac: never,
      findByHolderKey: never,
      findByOwnerUid: never,
      observationsOfObject: never,
      releaseGone: never,
      bind: () => Promise.resolve({ outcome, generation: 3 }),
    },
    client,
    clusterId: 'c1',
    logger: pino({ enabled: false }),
    now: () => new Date(0),
  });
  return { bound, server };
}

test('a mirror is stored in one write, with the address and its record in the ledger', async () => {
  const { bound, server } = await bindWith('bound');
  await bound;
  expect(server.seen.map(({ method }) => method)).toEqual(['POST']);
  expect(JSON.parse(server.seen[0]?.body ?? '')).toMatchObject({
    spec: { mac: MAC, consumerRef: { uid: 'u1', nic: owner.nic }, ledger: { generation: 3, clusterId: 'c1' } },
  });
});

test('the mirror of an address that somebody else has by now is deleted, because a mirror proves a right', async () => {
  const { bound, server } = await bindWith('conflict');
  await expect(bound).rejects.toThrow('could not be bound');
  expect(server.seen.map(({ method }) => method)).toEqual(['POST', 'DELETE']);
  expect(JSON.parse(server.seen[1]?.body ?? '')).toMatchObject({ preconditions: { uid: 'm1' } });
});
