import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HeldAddress } from '../../ledger/reservations/reservation.ts';
import type { Clock } from '../../time/clock.ts';
import { UserError } from '../errors.ts';
import { keepFile } from './keep-file.ts';

let folder: string;
let file: string;
let log: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-keep-'));
  file = path.join(folder, 'hosts');
  log = path.join(folder, 'log');
});
afterEach(() => rm(folder, { recursive: true }));

/** One poll: a new content, nothing new, or an error. A function first changes what is around it. */
type Poll = string | undefined | Error | (() => Promise<string | undefined>);

/** Runs `keepFile` through these polls. Each wait ends at once, and its length is added to the clock. */
async function run(polls: readonly Poll[], reload?: string) {
  const ending = new AbortController();
  const waits: number[] = [];
  const notices: string[] = [];
  let nowMs = 0;
  let content = '';
  const rest = [...polls];
  const clock: Clock = {
    now: () => nowMs,
    date: () => new Date(nowMs),
    after: (ms, callback) => {
      waits.push(ms);
      nowMs += ms;
      if (rest.length === 0) ending.abort();
      setImmediate(callback);
      return () => undefined;
    },
  };
  const next = async (): Promise<readonly HeldAddress[] | undefined> => {
    const poll = rest.shift();
    if (poll instanceof Error) throw poll;
    const found = typeof poll === 'function' ? await poll() : poll;
    content = found ?? content;
    return found === undefined ? undefined : [];
  };
  const notify = (line: string) => notices.push(line);
  await keepFile({ file, reload, watch: { next }, render: () => content, notify, clock, signal: ending.signal });
  return { waits, notices };
}

const reloads = async () => (await readFile(log, 'utf8').catch(() => '')).length;

test('the file follows, and a reload comes after each change and once at the start', async () => {
  await writeFile(file, 'a');
  await run(['a', undefined, 'b', 'b', undefined], `printf x >> ${log}`);
  expect(await readFile(file, 'utf8')).toBe('b');
  expect(await reloads()).toBe(2);
});

test('changes in a row are waited for longer and longer, until there is none', async () => {
  const changes = ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
  const { waits } = await run(['a', ...changes, undefined, 'j']);
  expect(waits).toEqual([500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 4_000, 500, 1_000]);
});

test('the file stays while the ledger is away, and that is said once', async () => {
  const away = new UserError('The ledger is away.', 'Start it.');
  const { notices } = await run(['a', away, away, undefined, 'b']);
  expect(notices).toEqual([
    `${file} was written.`,
    `The ledger is away. Start it. ${file} stays as it is, and is updated when this works.`,
    `${file} is up to date again.`,
    `${file} was written.`,
  ]);
});

test('a failure at the start ends it, and changes nothing', async () => {
  await writeFile(file, 'before');
  await expect(run([new UserError('The ledger is away.', 'Start it.')])).rejects.toThrow('The ledger is away.');
  expect(await readFile(file, 'utf8')).toBe('before');
});

test('a change whose write fails is written when that works, and is not reported as up to date before', async () => {
  const mounted = path.join(folder, 'mounted');
  file = path.join(mounted, 'hosts');
  await mkdir(mounted);
  const unmount = async () => {
    await rm(mounted, { recursive: true });
    return 'b';
  };
  const mount = async () => {
    await mkdir(mounted);
    return undefined;
  };
  const { notices } = await run(['a', unmount, undefined, mount, undefined]);
  expect(await readFile(file, 'utf8')).toBe('b');
  const fault = `${file} cannot be written (there is no such file). Check that its folder exists, that you may write to it, and that it has space. `;
  expect(notices).toEqual([
    `${file} was written.`,
    `${fault}${file} stays as it is, and is updated when this works.`,
    `${file} was written.`,
    `${file} is up to date again.`,
  ]);
});

test('a failed reload is said, and tried again after some seconds', async () => {
  const polls = ['a', ...Array.from({ length: 14 }, () => undefined)];
  const { notices } = await run(polls, `printf x >> ${log}; exit 3`);
  expect(await reloads()).toBe(2);
  expect(notices).toContain(`The reload failed (exit code 3): printf x >> ${log}; exit 3. It is tried again.`);
});
