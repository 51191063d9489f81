import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { eventually } from './eventually.ts';
import { identify, isAlive, processIdentity } from './process-table.ts';
import { openRun } from './run.ts';
import { tempFolder } from './temp-folder.ts';

const silent = () => undefined;

const started = z.object({ folder: z.string(), children: z.array(processIdentity) });

/** Starts a process that opens a run with two children (one has a child of its own) and then waits. */
async function startRunner(root: string) {
  const script = `
    const { openRun } = await import(${JSON.stringify(path.join(import.meta.dirname, 'run.ts'))});
    const { identify } = await import(${JSON.stringify(path.join(import.meta.dirname, 'process-table.ts'))});
    const run = await openRun({ root: ${JSON.stringify(root)} });
    const one = await run.spawn({ name: 'one', command: 'sleep', args: ['60'] });
    const two = await run.spawn({ name: 'two', command: 'sh', args: ['-c', 'trap "" TERM; sleep 60 & wait'] });
    console.log(JSON.stringify({ folder: run.folder, children: [one, two].map((child) => identify(child.pid)) }));
    setInterval(() => undefined, 1_000);`;
  const runner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void runner.kill('SIGKILL'));
  for await (const line of createInterface(runner.stdout)) {
    return { runner, ...started.parse(JSON.parse(line)) };
  }
  throw new Error('the runner exited before it printed its processes');
}

describe('a run', () => {
  it('stops its children and removes its folder when it is closed', async () => {
    const root = await tempFolder();
    const run = await openRun({ root, log: silent });
    const child = await run.spawn({ name: 'sleeper', command: 'sleep', args: ['60'] });
    const identity = identify(child.pid);
    await run.makeFolder('data');
    await Promise.all([run.close(), run.close()]);
    expect(identity !== undefined && isAlive(identity)).toBe(false);
    expect(await readdir(root)).toEqual([]);
  });

  it('leaves no process and no folder behind when its owner is killed with SIGKILL', async () => {
    const root = await tempFolder();
    const { runner, folder, children } = await startRunner(root);
    expect(children.filter(isAlive)).toHaveLength(2);
    runner.kill('SIGKILL');
    await eventually(() => {
      expect(children.filter(isAlive)).toEqual([]);
      expect(existsSync(folder)).toBe(false);
    });
  });

  it('cleans up after a dead run whose reaper was killed too', async () => {
    const root = await tempFolder();
    const { runner, folder, children } = await startRunner(root);
    const said: string[] = [];
    await killReaperOf(folder);
    runner.kill('SIGKILL');
    await new Promise((resolve) => runner.once('exit', resolve));
    expect(children.filter(isAlive)).toHaveLength(2);
    const next = await openRun({ root, log: (line) => said.push(line) });
    expect(children.filter(isAlive)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    expect(said).toEqual([expect.stringContaining(folder)]);
    await next.close();
  });

  it('gives each caller its own folder', async () => {
    const run = await openRun({ root: await tempFolder(), log: silent });
    onTestFinished(() => run.close());
    const folders = [await run.makeFolder('plane'), await run.makeFolder('plane')];
    expect(folders.map((folder) => path.relative(run.folder, folder))).toEqual(['plane', 'plane-2']);
  });

  it('starts no process once it is closing', async () => {
    const run = await openRun({ root: await tempFolder(), log: silent });
    await run.close();
    await expect(run.spawn({ name: 'late', command: 'sleep', args: ['60'] })).rejects.toThrow('its run is closing');
  });
});

/** Kills the reaper of this test's run, which it finds by the folder in its arguments. */
async function killReaperOf(folder: string): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (commandLine.split('\0').includes(folder)) process.kill(Number(pid), 'SIGKILL');
  }
}
