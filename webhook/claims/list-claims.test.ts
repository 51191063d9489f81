import { describe, expect, test } from 'vitest';
import type { KubeClient } from '../../kube/client/client.ts';
import { KubeError } from '../../kube/client/errors.ts';
import { createManualClock } from '../../test/doubles/manual-clock.ts';
import { createClaimLister } from './list-claims.ts';

const licensed = { namespace: 'web', selector: 'app=licensed' };

/** A lister of an API server that waits for `respond`. */
function aLister() {
  const clock = createManualClock();
  const asked: unknown[] = [];
  let uids = ['a'];
  let error: Error | undefined;
  const client: Pick<KubeClient, 'list'> = {
    list: (resource, options = {}) => {
      asked.push(options);
      if (error !== undefined) return Promise.reject(error);
      const items = uids.map((uid, index) => {
        const deletionTimestamp = uid.startsWith('deleted') ? { deletionTimestamp: '2030-01-01T00:00:00Z' } : {};
        const creationTimestamp = `2026-11-30T09:00:0${String(index)}Z`;
        const metadata = { name: uid, uid, resourceVersion: '1', creationTimestamp, ...deletionTimestamp };
        return resource.schema.parse({ metadata });
      });
      return Promise.resolve({ items, resourceVersion: '1' });
    },
  };
  return {
    clock,
    asked,
    list: createClaimLister({ client, now: () => clock.now() }),
    set: (...next: string[]) => (uids = next),
    fail: (next: Error | undefined) => (error = next),
  };
}

describe('the claims that pods select', () => {
  test('are those of the namespace with these labels, but no mirrors and none that is being deleted', async () => {
    const { list, asked, set } = aLister();
    set('a', 'deleted-b', 'c');
    expect(await list(licensed, 0)).toEqual({
      ok: true,
      uids: ['a', 'c'],
      readAt: 0,
      newest: Date.parse('2026-11-30T09:00:02Z'),
    });
    expect(asked).toMatchObject([
      { namespace: 'web', labelSelector: 'app=licensed,!mac.rock-os.io/consumer-uid,!mac.rock-os.io/sticky' },
    ]);
  });

  test('are listed once for many pods that are created at once', async () => {
    const { list, asked } = aLister();
    await Promise.all(Array.from({ length: 16 }, () => list(licensed, 0)));
    expect(asked).toHaveLength(1);
  });

  test('are listed again for a pod to which the last list is too old', async () => {
    const { list, asked, set, clock } = aLister();
    await list(licensed, 0);
    set('a', 'b');
    await clock.advance(400);
    expect(await list(licensed, -600)).toMatchObject({ uids: ['a'], readAt: 0 });
    expect(await list(licensed, 400)).toMatchObject({ uids: ['a', 'b'], readAt: 400 });
    expect(asked).toHaveLength(2);
  });

  test('are listed for each namespace and each selector', async () => {
    const { list, asked } = aLister();
    await list(licensed, 0);
    await list({ ...licensed, namespace: 'db' }, 0);
    await list({ ...licensed, selector: 'app' }, 0);
    expect(asked).toHaveLength(3);
  });

  test('are refused to an author whose selector the API server cannot parse, with its words', async () => {
    const { list, fail } = aLister();
    fail(new KubeError({ status: 400, message: 'unable to parse requirement' }));
    expect(await list({ namespace: 'web', selector: 'app in x' }, 0)).toMatchObject({
      ok: false,
      refusal: { code: 422, message: expect.stringMatching(/unable to parse requirement.*\n.*"app in x"/) as string },
    });
  });

  test('are unknown while the API server does not respond, and are listed again then', async () => {
    const { list, fail, clock } = aLister();
    fail(new KubeError({ status: 503, message: 'away' }));
    await expect(list(licensed, 0)).rejects.toThrow('away');
    fail(undefined);
    await clock.advance(1);
    expect(await list(licensed, clock.now() - 1_000)).toMatchObject({ ok: true });
  });

  test('are listed fifty times at once at most for a namespace, and ten times a second', async () => {
    const { list, asked, clock } = aLister();
    const many = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => list({ namespace: 'web', selector: `s${String(n)}` }, 9e9)));
    const answers = await many(60);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(50);
    expect(answers[59]).toMatchObject({ ok: false, refusal: { code: 503 } });
    await clock.advance(1_000);
    await many(60);
    expect(asked).toHaveLength(60);
  });
  test('are listed for a namespace while another one has no lists left', async () => {
    const { list } = aLister();
    for (let n = 0; n < 60; n++) await list({ namespace: 'busy', selector: `s${String(n)}` }, 9e9);
    expect(await list({ namespace: 'busy', selector: 'last' }, 9e9)).toMatchObject({ ok: false });
    expect(await list(licensed, 9e9)).toMatchObject({ ok: true });
  });
});
