import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makeCa } from '../../kube/server/certificates.ts';
import { createManualClock } from '../../test/doubles/manual-clock.ts';
import { readClientCa, watchClientCa } from './client-ca.ts';

const HOUR_MS = 3_600_000;
let folder = '';
let file = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-client-ca-'));
  file = path.join(folder, 'ca.crt');
});
afterEach(() => rm(folder, { recursive: true }));

async function aCa(): Promise<string> {
  return (await makeCa(Date.now(), HOUR_MS)).certificate;
}

test('a bundle of several CAs is read as it is', async () => {
  const bundle = `${await aCa()}\n${await aCa()}`;
  await writeFile(file, bundle);
  expect(await readClientCa(file)).toBe(bundle);
});

test.each(['', 'no certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
  'a file without a certificate is refused, because it would trust nobody or everybody (%j)',
  async (content) => {
    await writeFile(file, content);
    await expect(readClientCa(file)).rejects.toThrow(/contains no certificate/);
  },
);

test('a new CA in the file is used, and a broken file changes nothing', async () => {
  const [first, second] = [await aCa(), await aCa()];
  const used: string[] = [];
  const clock = createManualClock();
  const stopping = new AbortController();
  const logger = pino({ enabled: false });
  const watch = { file, ca: first, logger, clock, signal: stopping.signal };
  const watching = watchClientCa((ca) => used.push(ca), watch);
  const nextRead = async () => {
    await clock.advance(10_000);
    // The read takes real time. After it, the watch waits again.
    await vi.waitUntil(() => clock.waiting > 0);
  };
  await nextRead();
  await writeFile(file, 'half a cert');
  await nextRead();
  expect(used).toEqual([]);
  await writeFile(file, second);
  await nextRead();
  await nextRead();
  expect(used).toEqual([second]);
  stopping.abort();
  await watching;
});
