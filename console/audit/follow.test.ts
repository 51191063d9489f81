import { expect, test } from 'vitest';
import type { AuditEntries } from '../../api/console.ts';
import type { AuditEntryObject } from '../../api/ledger-view.ts';
import { CallError } from '../shared/client.ts';
import { followAudit, mergeEntries, startOf } from './follow.ts';

const entry = (id: number) => ({ metadata: { name: String(id) } }) as AuditEntryObject;
const page = (...ids: readonly number[]): AuditEntries => upTo(ids.at(-1) ?? 5, ...ids);
const upTo = (reached: number, ...ids: readonly number[]): AuditEntries => ({
  entries: ids.map(entry),
  isCut: false,
  reached,
});

/** Follows a server that answers each call after some time, until it has no answer left. Returns what was done, in order. */
async function followed(answers: readonly (readonly [afterMs: number, AuditEntries | Error])[]): Promise<string[]> {
  const done: string[] = [];
  const left = [...answers];
  const controller = new AbortController();
  let ms = 0;
  await followAudit({
    afterId: 5,
    read: (afterId) => {
      done.push(`read after ${String(afterId)}`);
      const [afterMs, answer] = left.shift() ?? [0, page()];
      ms += afterMs;
      if (left.length === 0) controller.abort();
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    onEntries: (entries) => done.push(`got ${entries.map(({ metadata }) => metadata.name).join(' ')}`),
    pause: () => {
      done.push('pause');
      return Promise.resolve();
    },
    now: () => ms,
    signal: controller.signal,
  });
  return done;
}

test('each request continues after the newest entry of the one before', async () => {
  expect(
    await followed([
      [300, page(6, 9)],
      [0, page(10)],
      [0, page(11)],
    ]),
  ).toEqual(['read after 5', 'got 6 9', 'read after 9', 'got 10', 'read after 10', 'got 11']);
});

test('a row that the filter left out is not read again', async () => {
  expect(
    await followed([
      [20_000, upTo(70)],
      [300, upTo(90, 80)],
      [0, upTo(90)],
    ]),
  ).toEqual(['read after 5', 'read after 70', 'got 80', 'read after 90', 'pause']);
});

test('an empty page after a wait is no reason to pause', async () => {
  expect(
    await followed([
      [20_000, page()],
      [20_000, page()],
    ]),
  ).toEqual(['read after 5', 'read after 5']);
});

test('a server that does not wait, or fails, is given a pause', async () => {
  expect(
    await followed([
      [5, page()],
      [5, new CallError(429, 'too many')],
      [20_000, page()],
    ]),
  ).toEqual(['read after 5', 'pause', 'read after 5', 'pause', 'read after 5']);
});

test('a page is followed from where it is complete, although newer entries are on it', () => {
  expect(startOf(upTo(6, 8, 6, 5))).toBe(6);
  expect(startOf({ entries: [8, 6].map(entry), isCut: false })).toBe(8); // an older operator
  expect(startOf({ entries: [], isCut: false })).toBe(0);
});

test('entries that come again are shown once, and late ones in their place', () => {
  const { entries, newIds } = mergeEntries([8, 6, 5].map(entry), [9, 9, 8, 7].map(entry));
  expect(entries).toEqual([9, 8, 7, 6, 5].map(entry));
  expect(newIds).toEqual(new Set([9, 7]));
});
