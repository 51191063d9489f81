import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { createLedgerHeadStore, type LedgerHeadStore } from '../../operator/ledger-state/ledger-head-store.ts';
import { type Fresh, freshNamespace, sharedKubectl, sharedTestEnv } from '../env/testing.ts';

const logger = pino({ enabled: false });
let client: KubeClient;
let namespace: Fresh;
let count = 0;
const A = '00000000-0000-4000-8000-00000000000a';
const B = '00000000-0000-4000-8000-00000000000b';
let name = '';

beforeAll(async () => {
  client = createKubeClient({ userAgent: 'test', kubeconfig: sharedTestEnv().kubeconfig, logger });
  namespace = await freshNamespace();
});
beforeEach(() => {
  name = `head-${String(++count)}`;
});
afterAll(async () => {
  await namespace.remove();
  await client.close();
});

/** Creates the store of one process. All stores of a test share the ConfigMap. */
function createStore(): LedgerHeadStore {
  return createLedgerHeadStore({ client, namespace: namespace.name, name, logger });
}

describe('the stored ledger head', () => {
  test('is undefined at first, and every process reads the head that one has saved', async () => {
    const store = createStore();
    expect(await store.read()).toBeUndefined();
    await store.save({ ledgerId: A, epoch: 1, auditHead: 10 });
    expect(await store.read()).toMatchObject({ epoch: 1, auditHead: 10 });
    expect(await createStore().read()).toMatchObject({ epoch: 1, auditHead: 10 });
  });

  test('never goes back, unless the epoch is newer', async () => {
    const store = createStore();
    await store.save({ ledgerId: A, epoch: 2, auditHead: 10 });
    await store.save({ ledgerId: A, epoch: 2, auditHead: 9 });
    await store.save({ ledgerId: A, epoch: 1, auditHead: 99 });
    expect(await store.read()).toMatchObject({ epoch: 2, auditHead: 10 });
    await store.save({ ledgerId: A, epoch: 3, auditHead: 5 });
    expect(await store.read()).toMatchObject({ epoch: 3, auditHead: 5 });
  });

  test('is replaced by the head of another ledger, whatever its numbers are', async () => {
    const store = createStore();
    await store.save({ ledgerId: A, epoch: 7, auditHead: 1_000 });
    await store.save({ ledgerId: B, epoch: 1, auditHead: 1 });
    expect(await store.read()).toEqual({ ledgerId: B, epoch: 1, auditHead: 1 });
  });

  test('is not overwritten by a former leader with an older head', async () => {
    const [former, current] = [createStore(), createStore()];
    await former.save({ ledgerId: A, epoch: 1, auditHead: 10 });
    await current.save({ ledgerId: A, epoch: 1, auditHead: 50 });
    // The former leader has cached 10. Its write of 20 is refused, and its next read returns 50.
    await former.save({ ledgerId: A, epoch: 1, auditHead: 20 });
    expect(await former.read()).toMatchObject({ auditHead: 50 });
  });

  test('is found by a process that looked when only the ticket was stored', async () => {
    const [leader, standby] = [createStore(), createStore()];
    await leader.replaceTicket({ next: A });
    expect(await standby.read()).toBeUndefined();
    await leader.save({ ledgerId: A, epoch: 1, auditHead: 3 });
    expect(await standby.read()).toMatchObject({ auditHead: 3 });
  });

  test('is undefined if it is malformed, and can be saved again', async () => {
    await sharedKubectl()(['-n', namespace.name, 'create', 'configmap', name, '--from-literal=head.json={many']);
    const store = createStore();
    expect(await store.read()).toBeUndefined();
    await store.save({ ledgerId: A, epoch: 1, auditHead: 3 });
    expect(await store.read()).toMatchObject({ auditHead: 3 });
  });
});
