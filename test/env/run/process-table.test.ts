import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from './eventually.ts';
import { identify, isAlive, killTree, ownIdentity, type ProcessIdentity, signalProcess } from './process-table.ts';
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
  it('returns the same identity for this process every time', () => {
    expect(ownIdentity()).toEqual(ownIdentity());
    expect(isAlive(ownIdentity())).toBe(true);
  });

  it('treats a process as dead when its pid belongs to another process', () => {
    const stranger = sleeper();
    const former = { ...stranger, started: 'long ago' };
    expect(isAlive(former)).toBe(false);
    expect(signalProcess(former, 'SIGKILL')).toBe(false);
    expect(isAlive(stranger)).toBe(true);
  });

  it('treats a process of another pid namespace as alive, and does not signal it', () => {
    const elsewhere = { ...sleeper(), space: 'pid:[1]', started: 'whenever' };
    expect(isAlive(elsewhere)).toBe(true);
    expect(signalProcess(elsewhere, 'SIGKILL')).toBe(false);
  });

  it('treats a zombie as dead', async () => {
    // After `exec sleep` nobody reaps the shell's child.
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
