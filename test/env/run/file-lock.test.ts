import { spawn } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { withFileLock } from './file-lock.ts';
import { ownIdentity } from './process-table.ts';
import { tempFolder } from './temp-folder.ts';

describe('a file lock', () => {
  it('lets one in at a time', async () => {
    const lock = path.join(await tempFolder(), 'lock');
    let inside = 0;
    let most = 0;
    const enter = () =>
      withFileLock(lock, async () => {
        most = Math.max(most, ++inside);
        await sleep(10);
        inside--;
      });
    await Promise.all([enter(), enter(), enter(), enter()]);
    expect(most).toBe(1);
    expect(await readdir(path.dirname(lock))).toEqual([]);
  });

  it('is not held up by the ticket of a dead process, and clears it away', async () => {
    const folder = await tempFolder();
    await writeFile(path.join(folder, 'lock.abc'), JSON.stringify({ ...ownIdentity(), started: 'long ago' }));
    let waited = false;
    const options = { onWait: () => (waited = true) };
    expect(await withFileLock(path.join(folder, 'lock'), () => Promise.resolve('done'), options)).toBe('done');
    expect(waited).toBe(false);
    expect(await readdir(folder)).toEqual([]);
  });

  it('waits for a living process, says for which, and goes on when that is killed', async () => {
    const lock = path.join(await tempFolder(), 'lock');
    const script = `
      const { withFileLock } = await import(${JSON.stringify(path.join(import.meta.dirname, 'file-lock.ts'))});
      await withFileLock(${JSON.stringify(lock)}, () => new Promise(() => {
        console.log('inside');
        setInterval(() => undefined, 1_000);
      }));`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const waitedFor: number[] = [];
    const entered = withFileLock(lock, () => Promise.resolve('entered'), {
      onWait: ({ pid }) => {
        waitedFor.push(pid);
        holder.kill('SIGKILL');
      },
    });
    expect(await entered).toBe('entered');
    expect(waitedFor).toEqual([holder.pid]);
  });

  it('is released when the action fails', async () => {
    const lock = path.join(await tempFolder(), 'lock');
    await expect(withFileLock(lock, () => Promise.reject(new Error('no disk')))).rejects.toThrow('no disk');
    expect(await withFileLock(lock, () => Promise.resolve('next'))).toBe('next');
  });
});
