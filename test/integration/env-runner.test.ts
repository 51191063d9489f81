import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { childRecord } from '../env/run/cleanup.ts';
import { eventually } from '../env/run/eventually.ts';
import { reservePort } from '../env/run/port-reservation.ts';
import { isAlive } from '../env/run/process-table.ts';

const main = path.join(import.meta.dirname, '../env/main.ts');

/** Runs `up` as a child process with its own temporary folder, and waits for READY. */
async function startUp(env: NodeJS.ProcessEnv = {}) {
  const temporary = await mkdtemp(path.join(tmpdir(), 'rock-mac-up-'));
  await chmod(temporary, 0o711); // Postgres runs as another user when we are root
  const runner = spawn(process.execPath, [main, 'up'], {
    env: { ...process.env, ...env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(async () => {
    await ending(runner, 'SIGKILL');
    await eventually(() => rm(temporary, { recursive: true, force: true }));
  });
  let stderr = '';
  runner.stderr.on('data', (piece: Buffer) => (stderr += piece.toString()));
  const lines: string[] = [];
  for await (const line of createInterface(runner.stdout)) {
    lines.push(line);
    if (line === 'READY') break;
  }
  if (lines.at(-1) !== 'READY') throw new Error(`up exited before it was ready: ${stderr}`);
  const [root = ''] = await readdir(temporary);
  const [run = ''] = await readdir(path.join(temporary, root));
  return { runner, lines, temporary, folder: path.join(temporary, root, run), stderr: () => stderr };
}

async function ending(runner: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (runner.exitCode !== null || runner.signalCode !== null) return runner.exitCode;
  const ended = new Promise<number | null>((resolve) => runner.once('exit', resolve));
  runner.kill(signal);
  return ended;
}

async function childrenOf(folder: string) {
  const children = path.join(folder, 'children');
  const files = await readdir(children);
  const records = await Promise.all(files.map((file) => readFile(path.join(children, file), 'utf8')));
  return records.map((record) => childRecord.parse(JSON.parse(record)));
}

describe('the test environment in the foreground', () => {
  it('prints lines for a shell, then READY, and stops everything after SIGTERM', async () => {
    const [api, postgres] = await Promise.all([reservePort(), reservePort()]);
    await Promise.all([api.release(), postgres.release()]);
    const { runner, lines, folder, stderr } = await startUp({
      ROCK_MAC_ENV_API_PORT: String(api.value),
      ROCK_MAC_ENV_POSTGRES_PORT: String(postgres.value),
    });
    expect(lines).toEqual([
      expect.stringMatching(/^export KUBECONFIG='\/.*'$/),
      expect.stringMatching(
        new RegExp(`^export ROCK_MAC_LEDGER_URL='postgresql://.*@127\\.0\\.0\\.1:${postgres.value}/rock_mac'$`),
      ),
      expect.stringMatching(/^export PATH='\/.*':"\$PATH"$/),
      'READY',
    ]);
    expect(stderr()).toContain(`log: ${folder}/logs/postgres.log`);
    const script = [...lines.slice(0, 3), 'kubectl cluster-info', 'printf %s "$ROCK_MAC_LEDGER_URL"'].join('\n');
    const shell = spawn('sh', ['-e', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'], cwd: folder });
    let said = '';
    shell.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
    expect(await new Promise((resolve) => shell.once('close', resolve))).toBe(0);
    expect(said).toContain(`https://127.0.0.1:${api.value}`);

    const children = await childrenOf(folder);
    expect(children.map((child) => child.name).toSorted()).toEqual([
      'control-plane-etcd',
      'control-plane-kube-apiserver',
      'control-plane-kube-controller-manager',
      'postgres',
    ]);
    expect(await ending(runner, 'SIGTERM')).toBe(0);
    expect(existsSync(folder)).toBe(false);
    expect(children.filter((child) => isAlive(child.process))).toEqual([]);
  });

  it('leaves no process and no folder behind when it is killed with SIGKILL', async () => {
    const { runner, folder } = await startUp();
    const children = await childrenOf(folder);
    expect(children.filter((child) => isAlive(child.process))).toHaveLength(4);
    await ending(runner, 'SIGKILL');
    await eventually(() => {
      expect(children.filter((child) => isAlive(child.process))).toEqual([]);
      expect(existsSync(folder)).toBe(false);
    });
  });
});
