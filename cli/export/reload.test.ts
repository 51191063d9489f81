import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { runReload } from './reload.ts';

const { signal } = new AbortController();

test.each([
  ['true', undefined],
  ['exit 3', 'exit code 3'],
  ['no-such-program-of-ours 2>/dev/null', 'exit code 127'],
  ['kill -TERM $$', 'ended by SIGTERM'],
])('the result of %j is %j', async (command, result) => {
  expect(await runReload(command, { signal })).toBe(result);
});

/** Returns a command that hangs, with a child, and a function that waits until both have ended. */
async function hanging() {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-reload-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const pids = path.join(folder, 'pids');
  const started = async () => {
    for (;;) {
      const text = await readFile(pids, 'utf8').catch(() => '');
      if (text.endsWith('.')) return text.split(' ').slice(0, 2).map(Number);
      await sleep(10);
    }
  };
  const ended = async () => {
    for (const pid of await started()) while (await isAlive(pid)) await sleep(10);
  };
  return { command: `sleep 600 & printf '%s ' $$ $! >${pids}; printf . >>${pids}; wait; true`, started, ended };
}

/** Returns whether a process runs. Who is dead may wait for its new parent, which some containers do not have. */
async function isAlive(pid: number): Promise<boolean> {
  const state = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => ') Z');
  return !/\) [ZX]/.test(state);
}

test('a command that hangs is ended with all that it has started, also if it ignores signals', async () => {
  const { command, ended } = await hanging();
  expect(await runReload(`trap '' TERM; ${command}`, { signal, timeoutMs: 1_000 })).toBe('it took longer than 1s');
  await ended();
});

test('an interruption ends the command, and does not wait for it', async () => {
  const { command, started, ended } = await hanging();
  const interruption = new AbortController();
  const reload = runReload(command, { signal: interruption.signal });
  await started();
  interruption.abort();
  expect(await reload).toBe('it was interrupted');
  await ended();
});
