import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { createLedgerHeadStore, type LedgerHeadStore } from '../../operator/ledger-state/ledger-head-store.ts';
import { freshNamespace, sharedTestEnv, sharedKubectl, type Fresh } from '../env/testing.ts';

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
  name = `memory-${String(++count)}`;
});
afterAll(async () => {
  await namespace.remove();
  await client.close();
});

/** What one process remembers; several of them share the ConfigMap. */
function aMemory(): LedgerHeadStore {
  return createLedgerHeadStore({ client, namespace: namespace.name, name, logger });
}

describe('what is remembered of a ledger', () => {
  test('is nothing at first, and what it was told afterwards, also in another process', async () => {
    const head = aMemory();
    expect(await head.recall()).toBeUndefined();
    await head.remember({ ledgerId: A, epoch: 1, auditHead: 10 });
    expect(await head.recall()).toMatchObject({ epoch: 1, auditHead: 10 });
    expect(await aMemory().recall()).toMatchObject({ epoch: 1, auditHead: 10 });
  });

  test('never becomes less, unless the ledger began anew', async () => {
    const head = aMemory();
    await head.remember({ ledgerId: A, epoch: 2, auditHead: 10 });
    await head.remember({ ledgerId: A, epoch: 2, auditHead: 9 });
    await head.remember({ ledgerId: A, epoch: 1, auditHead: 99 });
    expect(await head.recall()).toMatchObject({ epoch: 2, auditHead: 10 });
    await head.remember({ ledgerId: A, epoch: 3, auditHead: 5 });
    expect(await head.recall()).toMatchObject({ epoch: 3, auditHead: 5 });
  });

  test('of another ledger takes its place, whatever its numbers are', async () => {
    const head = aMemory();
    await head.remember({ ledgerId: A, epoch: 7, auditHead: 1_000 });
    await head.remember({ ledgerId: B, epoch: 1, auditHead: 1 });
    expect(await head.recall()).toEqual({ ledgerId: B, epoch: 1, auditHead: 1 });
  });

  test('is not overwritten by a former leader who knows less', async () => {
    const [former, present] = [aMemory(), aMemory()];
    await former.remember({ ledgerId: A, epoch: 1, auditHead: 10 });
    await present.remember({ ledgerId: A, epoch: 1, auditHead: 50 });
    // It has read 10 and was told 20; the write is refused, and the next look sees what the other wrote.
    await former.remember({ ledgerId: A, epoch: 1, auditHead: 20 });
    expect(await former.recall()).toMatchObject({ auditHead: 50 });
  });

  test('that cannot be read is as if there were nothing, and is written anew', async () => {
    await sharedKubectl()(['-n', namespace.name, 'create', 'configmap', name, '--from-literal=head.json={many']);
    const head = aMemory();
    expect(await head.recall()).toBeUndefined();
    await head.remember({ ledgerId: A, epoch: 1, auditHead: 3 });
    expect(await head.recall()).toMatchObject({ auditHead: 3 });
  });
});
