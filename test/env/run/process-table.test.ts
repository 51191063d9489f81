import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from './eventually.ts';
import { identify, isAlive, killTree, ownIdentity, signalProcess, type ProcessIdentity } from './process-table.ts';
import { tempFolder } from './temp-folder.ts';

function sleeper(): ProcessIdentity {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return identityOf(child.pid);
}

function identityOf(pid: number | undefined): ProcessIdentity {
  const identity = pid === undefined ? undefined : identify(pid);
  if (identity === undefined) throw new Error('the process did not start');
  return identity;
}

describe('the process table', () => {
  it('knows us and says the same at every look', () => {
    expect(ownIdentity()).toEqual(ownIdentity());
    expect(isAlive(ownIdentity())).toBe(true);
  });

  it('takes a process for dead when its number was given to another one', () => {
    const stranger = sleeper();
    const former = { ...stranger, started: 'long ago' };
    expect(isAlive(former)).toBe(false);
    expect(signalProcess(former, 'SIGKILL')).toBe(false);
    expect(isAlive(stranger)).toBe(true);
  });

  it('takes a process of another pid namespace for alive, and leaves it alone', () => {
    const elsewhere = { ...sleeper(), space: 'pid:[1]', started: 'whenever' };
    expect(isAlive(elsewhere)).toBe(true);
    expect(signalProcess(elsewhere, 'SIGKILL')).toBe(false);
  });

  it('takes a zombie for dead', async () => {
    // The shell never reaps the child that it left to `exec sleep`.
    const child = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const pid = await new Promise<number>((resolve) => {
      child.stdout.once('data', (line: Buffer) => {
        resolve(Number(line));
      });
    });
    const zombie = identityOf(pid);
    await eventually(() => {
      expect(isAlive(zombie)).toBe(false);
    });
    expect(identify(pid)).toEqual(zombie);
  });

  it('kills a process with its children and grandchildren', async () => {
    const pids = path.join(await tempFolder(), 'pids');
    const script = `sh -c 'sleep 60 & echo $! $$ > ${pids}; wait' & wait`;
    const root = identityOf(spawn('sh', ['-c', script], { stdio: 'ignore', detached: true }).pid);
    const family = await eventually(async () => {
      const found = (await readFile(pids, 'utf8')).trim().split(' ').map(Number);
      expect(found).toHaveLength(2);
      return found.map(identityOf);
    });
    await killTree(root);
    expect([root, ...family].filter(isAlive)).toEqual([]);
  });
});
