import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from './eventually.ts';
import { createPart, type PartSpec } from './server-process.ts';
import { openRun } from './run.ts';
import { tempFolder } from './temp-folder.ts';

async function makePart(script: string, spec: Partial<PartSpec> = {}) {
  const folder = await tempFolder();
  const said: string[] = [];
  const run = await openRun({ root: folder, log: (line) => said.push(line) });
  onTestFinished(() => run.close());
  const flag = path.join(folder, 'flag');
  const part = createPart(run, {
    child: { name: 'part', command: 'sh', args: ['-c', script, 'sh', flag] },
    ready: () => Promise.resolve(existsSync(flag)),
    ...spec,
  });
  return { part, flag, said };
}

describe('a part', () => {
  it('can be stopped and started again', async () => {
    const { part, flag } = await makePart('trap "rm $1; exit 0" TERM; touch "$1"; while :; do sleep 0.02; done');
    await part.start();
    expect(part.pid).toBeGreaterThan(0);
    await expect(part.start()).rejects.toThrow('part runs already');
    await part.stop();
    expect(part.pid).toBeUndefined();
    expect(existsSync(flag)).toBe(false);
    await part.start();
    expect(part.pid).toBeGreaterThan(0);
  });

  it('can be killed, whatever it does about signals', async () => {
    const { part, flag } = await makePart('trap "" TERM; touch "$1"; while :; do sleep 0.02; done');
    await part.start();
    await part.kill();
    expect(part.pid).toBeUndefined();
    expect(existsSync(flag)).toBe(true);
    await part.kill();
    await part.stop();
  });

  it('is killed, and that is an error, when it does not end after being asked to', async () => {
    const script = 'trap "" TERM; touch "$1"; while :; do sleep 0.02; done';
    const { part } = await makePart(script, { stopWithinMs: 100 });
    await part.start();
    await expect(part.stop()).rejects.toThrow('did not end within 0.1 s');
    expect(part.pid).toBeUndefined();
  });

  it('is reported when it ends unasked, and not when it is told to', async () => {
    const { part, said } = await makePart('touch "$1"; exec sleep 60');
    await part.start();
    await part.kill();
    await part.start();
    expect(said).toEqual([]);
    process.kill(part.pid ?? 0, 'SIGKILL');
    await eventually(() => {
      expect(said).toEqual([expect.stringMatching(/^part has ended \(SIGKILL\), unasked; its log: .*part\.log$/)]);
    });
  });

  it('shows the end of its log when it ends while it starts', async () => {
    const { part } = await makePart('echo no such flag >&2; exit 7');
    await expect(part.start()).rejects.toThrow(/part ended with code 7 while it started[^]*no such flag/);
  });

  it('is killed when it does not answer in time', async () => {
    const { part, flag } = await makePart('while :; do sleep 0.02; done', { readyWithinMs: 100 });
    await rm(flag, { force: true });
    await expect(part.start()).rejects.toThrow('part did not answer within 0.1 s');
    expect(part.pid).toBeUndefined();
  });

  it('is not ready as long as asking fails', async () => {
    let asked = 0;
    const ready = () => (++asked < 3 ? Promise.reject(new Error('refused')) : Promise.resolve(true));
    const { part } = await makePart('exec sleep 60', { ready });
    await part.start();
    expect(asked).toBe(3);
  });
});
