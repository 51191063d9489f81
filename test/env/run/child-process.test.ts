import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { logTail, startChild } from './child-process.ts';
import { tempFolder } from './temp-folder.ts';

describe('a child process', () => {
  it('writes to its log file, and a restarted one appends to it', async () => {
    const folder = await tempFolder();
    for (const word of ['first', 'second']) {
      const child = await startChild({ name: 'speaker', command: 'sh', args: ['-c', `echo ${word}; exit 3`] }, folder);
      expect(await child.exited).toEqual({ code: 3, signal: null });
    }
    expect(await readFile(path.join(folder, 'logs', 'speaker.log'), 'utf8')).toBe('first\nsecond\n');
  });

  it('is recorded as long as it runs', async () => {
    const folder = await tempFolder();
    const child = await startChild({ name: 'sleeper', command: 'sleep', args: ['60'] }, folder);
    expect(await readdir(path.join(folder, 'children'))).toEqual([`${child.pid}.json`]);
    await child.kill();
    expect(child.exit).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await readdir(path.join(folder, 'children'))).toEqual([]);
  });

  it('gets the soft signal first if its spec has one', async () => {
    const folder = await tempFolder();
    const script = 'trap "echo bye; exit 0" QUIT; echo ready; while :; do sleep 0.02; done';
    const child = await startChild(
      { name: 'polite', command: 'sh', args: ['-c', script], softSignal: 'SIGQUIT' },
      folder,
    );
    while (!logTail(child.logFile).includes('ready')) await new Promise((resolve) => setTimeout(resolve, 10));
    await child.end();
    expect(logTail(child.logFile)).toBe('ready\nbye');
  });

  it('inherits only PATH from the environment', async () => {
    const folder = await tempFolder();
    const child = await startChild({ name: 'env', command: 'env', args: [] }, folder);
    await child.exited;
    const names = logTail(child.logFile, 100)
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names).toEqual(['PATH']);
  });

  it('is named in the error when it cannot be started', async () => {
    const starting = startChild({ name: 'nobody', command: '/nowhere/etcd', args: [] }, await tempFolder());
    await expect(starting).rejects.toThrow('/nowhere/etcd cannot be started');
  });
});

describe('the tail of a log', () => {
  it('is empty if there is no log', () => {
    expect(logTail('/nowhere/log')).toBe('');
  });
});
