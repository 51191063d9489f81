import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createKubeClient } from '../../kube/client/client.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { BindItem } from '../../ledger/address/bind.ts';
import { mac } from '../../mac/mac-address.ts';
import { json, startTestServer } from '../../test/doubles/http-server.ts';
import { podWorkload } from '../live/pod.ts';
import { type BindableRow, mirrorAndBind } from './bind.ts';

const MAC = mac('a4:58:0f:05:00:01');
const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'web', uid: 'u1', nic: 'team/blue#0' };
const metadata = { namespace: 'team', name: 'web', uid: 'u1', resourceVersion: '1' };
const kind = podWorkload();
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

interface Ledger {
  /** The outcomes of the first bind and of the second. */
  readonly outcomes: readonly ('bound' | 'conflict')[];
  /** The row, as it is after the first bind. */
  readonly after?: AddressRow;
}

async function bindWith({ outcomes, after }: Ledger, found: BindableRow = row) {
  const stored = { metadata: { namespace: 'team', name: 'web-1a2b3c4d', uid: 'm1', resourceVersion: '2' }, spec: {} };
  const server = await startTestServer(json(201, stored), json(200, stored));
  const client = createKubeClient({ kubeconfig: server.kubeconfig(), userAgent: 'rock-mac-test' });
  onTestFinished(async () => {
    await client.close();
    await server[Symbol.asyncDispose]();
  });
  const never = () => Promise.reject(new Error('not expected'));
  const items: BindItem[] = [];
  const bound = mirrorAndBind(address, found, {
    allocations: { get: () => undefined } as never,
    groupedCalls: {
      findByMac: after === undefined ? never : () => Promise.resolve(after),
      findByHolderKey: never,
      findByOwnerUid: never,
      observationsOfObject: never,
      releaseGone: never,
      bind: (item) => {
        items.push(item);
        return Promise.resolve({ outcome: outcomes[items.length - 1] ?? 'conflict', generation: 3 });
      },
    },
    client,
    clusterId: 'c1',
    logger: pino({ enabled: false }),
    now: () => new Date(0),
  });
  return { bound, server, items };
}

test('a mirror is stored in one write, with the address and its record in the ledger', async () => {
  const { bound, server } = await bindWith({ outcomes: ['bound'] });
  await bound;
  expect(server.seen.map(({ method }) => method)).toEqual(['POST']);
  expect(JSON.parse(server.seen[0]?.body ?? '')).toMatchObject({
    spec: { mac: MAC, consumerRef: { uid: 'u1', nic: owner.nic }, ledger: { generation: 3, clusterId: 'c1' } },
  });
});

test('the mirror of an address that somebody else has by now is deleted, because a mirror proves a right', async () => {
  const { bound, server } = await bindWith({ outcomes: ['conflict'] });
  await expect(bound).rejects.toThrow('could not be bound');
  expect(server.seen.map(({ method }) => method)).toEqual(['POST', 'DELETE']);
  expect(JSON.parse(server.seen[1]?.body ?? '')).toMatchObject({ preconditions: { uid: 'm1' } });
});

describe('an address of a stock', () => {
  const webhook = { clusterId: 'c1', kind: 'Webhook', namespace: '', name: 'rock-mac-webhook-1', uid: 'h1', nic: '' };
  const stocked: AddressRow = { ...row, state: 'stocked', key: 'stock/f/1', owner: webhook, requester: 'the webhook' };

  test('is bound and mirrored for whom the webhook answered', async () => {
    const { bound, server, items } = await bindWith({ outcomes: ['bound'] }, { ...stocked, stockedFor: 'bob' });
    await bound;
    expect(items).toMatchObject([{ mac: MAC, key: 'stock/f/1', owner, requester: 'bob' }]);
    expect(JSON.parse(server.seen[0]?.body ?? '')).toMatchObject({ spec: { requester: { username: 'bob' } } });
  });

  test('is bound as pending if the webhook has reported its answer in between', async () => {
    const after: AddressRow = { ...row, owner: { ...owner, uid: undefined }, requester: 'bob' };
    const outcomes = ['conflict', 'bound'] as const;
    const { bound, server, items } = await bindWith({ outcomes, after }, { ...stocked, stockedFor: 'bob' });
    await bound;
    expect(items).toMatchObject([{ requester: 'bob' }, { key: row.key, requester: undefined }]);
    expect(server.seen.map(({ method }) => method)).toEqual(['POST']);
  });

  test('that another pod got in between is not bound', async () => {
    const after: AddressRow = { ...row, state: 'active', key: 'object/c1/u2', owner: { ...owner, uid: 'u2' } };
    const { bound, server, items } = await bindWith(
      { outcomes: ['conflict'], after },
      { ...stocked, stockedFor: 'bob' },
    );
    await expect(bound).rejects.toThrow('could not be bound');
    expect(items).toHaveLength(1);
    expect(server.seen.map(({ method }) => method)).toEqual(['POST', 'DELETE']);
  });
});
