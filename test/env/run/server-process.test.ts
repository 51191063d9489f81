import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from './eventually.ts';
import { openRun } from './run.ts';
import { createServerProcess, type ServerProcessSpec } from './server-process.ts';
import { tempFolder } from './temp-folder.ts';

async function makeServerProcess(script: string, spec: Partial<ServerProcessSpec> = {}) {
  const folder = await tempFolder();
  const logged: string[] = [];
  const run = await openRun({ root: folder, log: (line) => logged.push(line) });
  onTestFinished(() => run.close());
  const flag = path.join(folder, 'flag');
  const server = createServerProcess(run, {
    child: { name: 'part', command: 'sh', args: ['-c', script, 'sh', flag] },
    ready: () => Promise.resolve(existsSync(flag)),
    ...spec,
  });
  return { server, flag, logged };
}

describe('a server process', () => {
  it('can be stopped and started again', async () => {
    const { server, flag } = await makeServerProcess(
      'trap "rm $1; exit 0" TERM; touch "$1"; while :; do sleep 0.02; done',
    );
    await server.start();
    expect(server.pid).toBeGreaterThan(0);
    await expect(server.start()).rejects.toThrow('part is already running');
    await server.stop();
    expect(server.pid).toBeUndefined();
    expect(existsSync(flag)).toBe(false);
    await server.start();
    expect(server.pid).toBeGreaterThan(0);
  });

  it('can be killed even if it ignores signals', async () => {
    const { server, flag } = await makeServerProcess('trap "" TERM; touch "$1"; while :; do sleep 0.02; done');
    await server.start();
    await server.kill();
    expect(server.pid).toBeUndefined();
    expect(existsSync(flag)).toBe(true);
    await server.kill();
    await server.stop();
  });

  it('is killed, and stop() fails, when it does not exit after SIGTERM', async () => {
    const script = 'trap "" TERM; touch "$1"; while :; do sleep 0.02; done';
    const { server } = await makeServerProcess(script, { stopWithinMs: 100 });
    await server.start();
    await expect(server.stop()).rejects.toThrow('did not exit within 0.1 s');
    expect(server.pid).toBeUndefined();
  });

  it('is reported when it exits unexpectedly, and not when it was stopped', async () => {
    const { server, logged } = await makeServerProcess('touch "$1"; exec sleep 60');
    await server.start();
    await server.kill();
    await server.start();
    expect(logged).toEqual([]);
    process.kill(server.pid ?? 0, 'SIGKILL');
    await eventually(() => {
      expect(logged).toEqual([expect.stringMatching(/^part exited unexpectedly \(SIGKILL\)\. Its log: .*part\.log$/)]);
    });
  });

  it('includes the end of its log in the error when it exits while it starts', async () => {
    const { server } = await makeServerProcess('echo no such flag >&2; exit 7');
    await expect(server.start()).rejects.toThrow(/part exited with code 7 while it started[^]*no such flag/);
  });

  it('is killed when it is not ready in time', async () => {
    const { server, flag } = await makeServerProcess('while :; do sleep 0.02; done', { readyWithinMs: 100 });
    await rm(flag, { force: true });
    await expect(server.start()).rejects.toThrow('part was not ready within 0.1 s');
    expect(server.pid).toBeUndefined();
  });

  it('is not ready as long as the readiness check throws', async () => {
    let asked = 0;
    const ready = () => (++asked < 3 ? Promise.reject(new Error('refused')) : Promise.resolve(true));
    const { server } = await makeServerProcess('exec sleep 60', { ready });
    await server.start();
    expect(asked).toBe(3);
  });
});
