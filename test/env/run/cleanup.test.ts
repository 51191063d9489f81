import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cleanUpDeadRuns, cleanUpRun, RUN_FILES, UNFINISHED_PREFIX } from './cleanup.ts';
import { identify, isAlive, ownIdentity, type ProcessIdentity } from './process-table.ts';
import { tempFolder } from './temp-folder.ts';

const dead: ProcessIdentity = { ...ownIdentity(), started: 'long ago' };

function sleeper(): ProcessIdentity {
  const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
  onTestFinished(() => void child.kill('SIGKILL'));
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity === undefined) throw new Error('sleep did not start');
  return identity;
}

async function makeRunFolder(
  root: string,
  run: { owner: ProcessIdentity | undefined; children?: ProcessIdentity[]; name?: string },
): Promise<string> {
  const folder = path.join(root, run.name ?? 'some-run');
  await mkdir(path.join(folder, RUN_FILES.children), { recursive: true });
  if (run.owner !== undefined) await writeFile(path.join(folder, RUN_FILES.owner), JSON.stringify(run.owner));
  for (const [index, child] of (run.children ?? []).entries()) {
    const record = JSON.stringify({ name: `child ${index}`, process: child });
    await writeFile(path.join(folder, RUN_FILES.children, `${index}.json`), record);
  }
  return folder;
}

describe('the cleanup', () => {
  it('kills the children of a dead run and removes its folder', async () => {
    const root = await tempFolder();
    const child = sleeper();
    const folder = await makeRunFolder(root, { owner: dead, children: [child] });
    expect(await cleanUpDeadRuns(root)).toEqual([folder]);
    expect(isAlive(child)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  it('does not kill a process that has the pid of a child but another start time', async () => {
    const root = await tempFolder();
    const stranger = sleeper();
    await makeRunFolder(root, { owner: dead, children: [{ ...stranger, started: 'before it' }] });
    await cleanUpDeadRuns(root);
    expect(isAlive(stranger)).toBe(true);
  });

  it('does not touch the run of a live owner', async () => {
    const root = await tempFolder();
    const child = sleeper();
    const folder = await makeRunFolder(root, { owner: ownIdentity(), children: [child] });
    expect(await cleanUpDeadRuns(root)).toEqual([]);
    expect(isAlive(child)).toBe(true);
    expect(existsSync(folder)).toBe(true);
  });

  it('finishes an interrupted removal', async () => {
    const root = await tempFolder();
    const folder = await makeRunFolder(root, { owner: undefined });
    expect(await cleanUpDeadRuns(root)).toEqual([folder]);
  });

  it('waits for a run folder that is being created', async () => {
    const root = await tempFolder();
    const folder = await makeRunFolder(root, { owner: undefined, name: `${UNFINISHED_PREFIX}abc` });
    expect(await cleanUpDeadRuns(root)).toEqual([]);
    const yesterday = new Date(Date.now() - 86_400_000);
    await utimes(folder, yesterday, yesterday);
    expect(await cleanUpDeadRuns(root)).toEqual([folder]);
  });

  it('does nothing if there is no folder, and accepts a record that is not JSON', async () => {
    const root = await tempFolder();
    await cleanUpRun(path.join(root, 'nowhere'));
    expect(await cleanUpDeadRuns(path.join(root, 'nowhere'))).toEqual([]);
    const folder = await makeRunFolder(root, { owner: dead });
    await writeFile(path.join(folder, RUN_FILES.children, '1.json'), '{"name":');
    expect(await cleanUpDeadRuns(root)).toEqual([folder]);
  });
});
