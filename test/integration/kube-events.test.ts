import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createKubeClient } from '../../kube/client/client.ts';
import { events, secrets } from '../../kube/client/core-resources.ts';
import { createEventRecorder } from '../../kube/controller/events.ts';
import { freshNamespace, sharedKubectl, sharedTestEnv } from '../env/testing.ts';

test('kubectl shows the Events of the recorder for the object, with repetitions as one', async () => {
  const fresh = await freshNamespace({ prefix: 'kube-events' });
  const namespace = fresh.name;
  const client = createKubeClient({ kubeconfig: sharedTestEnv().kubeconfig, userAgent: 'rock-mac-test' });
  onTestFinished(async () => {
    await client.close();
    await fresh.remove();
  });
  const dropped: string[] = [];
  const recorder = createEventRecorder({
    client,
    controller: 'mac.rock-os.io/test',
    instance: 'test-1',
    logger: pino({ level: 'silent' }),
    metrics: { dropped: ({ reason }) => dropped.push(reason) },
  });
  const { metadata } = await client.create(secrets, { metadata: { namespace, name: 'subject' } });
  const target = { apiVersion: 'v1', kind: 'Secret', metadata };
  const text = { type: 'Warning', reason: 'PoolExhausted', action: 'Allocate', note: 'no free address' } as const;
  for (let i = 0; i < 5; i++) recorder.record(target, text);
  recorder.record(target, { ...text, note: '\u00e4'.repeat(2_000) });
  // The namespace does not exist, so the server refuses the Event. The recorder must not throw.
  recorder.record({ ...target, metadata: { ...metadata, namespace: `${namespace}-gone` } }, { ...text, note: 'lost' });
  await recorder.stop();

  expect(dropped).toEqual(['refused']);
  const { items } = await client.list(events, { namespace, fieldSelector: 'regarding.name=subject' });
  expect(items.map(({ series }) => series?.count ?? 1).toSorted()).toEqual([1, 5]);
  const shown = await sharedKubectl()(['events', '--for', 'secret/subject', '-n', namespace]);
  expect(shown).toMatch(/\(x5 over .*\)\s+Warning\s+PoolExhausted\s+Secret\/subject\s+no free address/);
});
