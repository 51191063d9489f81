import pino from 'pino';
import { expect, test } from 'vitest';
import type { KubeClient } from '../../kube/client/client.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import { watchPrefixes } from './prefixes.ts';

const configured = [macPrefix('a4:58:0f')];

/** Watches a server that sends the list of ConfigMaps when it is answered. */
function watchList() {
  const answer = Promise.withResolvers<readonly object[]>();
  const client = {
    list: async () => ({ items: await answer.promise, resourceVersion: '1' }),
    // It stays open, without events.
    watch: async function* (_resource: unknown, _options: unknown, signal: AbortSignal) {
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
      yield* [];
    },
  } as unknown as Pick<KubeClient, 'list' | 'watch'>;
  const prefixes = watchPrefixes({ client, namespace: 'system', configured, logger: pino({ enabled: false }) });
  let isRead = false;
  const read = prefixes.hasRead().then(() => (isRead = true));
  return { prefixes, answer: answer.resolve, read, isRead: () => isRead };
}

function aConfigMap(prefixes: string) {
  return {
    metadata: { name: 'rock-mac-address-ranges', namespace: 'system', uid: 'u', resourceVersion: '1' },
    data: { prefixes },
  };
}

test.each([
  ['that was published', [aConfigMap('02 a6:58:0f')], [macPrefix('02'), macPrefix('a6:58:0f')]],
  ['of the configuration, if none were published', [], configured],
  ['of the configuration, if nobody can read the published ones', [aConfigMap('what')], configured],
])('the prefixes are known after the first list, and are those %s', async (_, items, want) => {
  const { prefixes, answer, read, isRead } = watchList();
  await new Promise(setImmediate);
  expect(isRead()).toBe(false);
  answer(items);
  await read;
  expect(prefixes.current()).toEqual(want);
  await prefixes.stop();
});
