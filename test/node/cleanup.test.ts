import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { eventually } from '../env/run/eventually.ts';
import { noNodes, skippedBecause } from './node-env.ts';

const main = path.join(import.meta.dirname, '../env/main.ts');

describe.skipIf(noNodes !== undefined)(`the end of a run with a real node${skippedBecause}`, () => {
  test('by SIGKILL leaves no process, cgroup, mount or file', async () => {
    const { run, kill } = await startRun();
    expect(traces(run)).not.toEqual([]);
    kill();
    await eventually(
      () => {
        expect(traces(run)).toEqual([]);
      },
      { within: 30_000, every: 250 },
    );
  });
});

/** Starts a test environment with a node in its own process. Returns the folder of its run. */
async function startRun(): Promise<{ readonly run: string; readonly kill: () => void }> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE: '1' };
  const child = spawn(process.execPath, [main, 'up'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const line of createInterface({ input: child.stderr })) {
    const log = /^env: log: (.*\/logs\/.*kubelet\.log)$/.exec(line)?.[1];
    if (log !== undefined) return { run: path.join(log, '../..'), kill: () => child.kill('SIGKILL') };
  }
  throw new Error('the test environment did not start');
}

/** Returns everything that is still there of a run: its processes, with the containers, its cgroups, mounts and files. */
function traces(run: string): string[] {
  const id = path.basename(run);
  const processes = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    return ['cmdline', 'cgroup', 'mountinfo'].some((file) => contentOf(`/proc/${pid}/${file}`).includes(id));
  });
  const hierarchies = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)];
  const cgroups = hierarchies.map((folder) => `${folder}/rock-mac-env-${id}`);
  return [...processes.map((pid) => `process ${pid}`), ...[run, ...cgroups].filter((file) => existsSync(file))];
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // the process ended
  }
}
