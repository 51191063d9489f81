import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { identify, isAlive, ownIdentity, type ProcessIdentity } from './process-table.ts';
import { runFiles, cleanUpDeadRuns, cleanUpRun, unfinishedPrefix } from './cleanup.ts';
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
  await mkdir(path.join(folder, runFiles.children), { recursive: true });
  if (run.owner !== undefined) await writeFile(path.join(folder, runFiles.owner), JSON.stringify(run.owner));
  for (const [index, child] of (run.children ?? []).entries()) {
    const record = JSON.stringify({ name: `child ${index}`, process: child });
    await writeFile(path.join(folder, runFiles.children, `${index}.json`), record);
  }
  return folder;
}

describe('a sweep', () => {
  it('kills the children of a dead run and removes its folder', async () => {
    const root = await tempFolder();
    const child = sleeper();
    const folder = await makeRunFolder(root, { owner: dead, children: [child] });
    expect(await cleanUpDeadRuns(root)).toEqual([folder]);
    expect(isAlive(child)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  it('spares a process that has the number of a child but another start time', async () => {
    const root = await tempFolder();
    const stranger = sleeper();
    await makeRunFolder(root, { owner: dead, children: [{ ...stranger, started: 'before it' }] });
    await cleanUpDeadRuns(root);
    expect(isAlive(stranger)).toBe(true);
  });

  it('leaves the run of a living owner alone', async () => {
    const root = await tempFolder();
    const child = sleeper();
    const folder = await makeRunFolder(root, { owner: ownIdentity(), children: [child] });
    expect(await cleanUpDeadRuns(root)).toEqual([]);
    expect(isAlive(child)).toBe(true);
    expect(existsSync(folder)).toBe(true);
  });

  it('finishes a removal that was broken off', async () => {
    const root = await tempFolder();
    const folder = await makeRunFolder(root, { owner: undefined });
    expect(await cleanUpDeadRuns(root)).toEqual([folder]);
  });

  it('gives a run that is just being made the time to be finished', async () => {
    const root = await tempFolder();
    const folder = await makeRunFolder(root, { owner: undefined, name: `${unfinishedPrefix}abc` });
    expect(await cleanUpDeadRuns(root)).toEqual([]);
    const yesterday = new Date(Date.now() - 86_400_000);
    await utimes(folder, yesterday, yesterday);
    expect(await cleanUpDeadRuns(root)).toEqual([folder]);
  });

  it('does nothing where there is no folder, and bears a record that is no JSON', async () => {
    const root = await tempFolder();
    await cleanUpRun(path.join(root, 'nowhere'));
    expect(await cleanUpDeadRuns(path.join(root, 'nowhere'))).toEqual([]);
    const folder = await makeRunFolder(root, { owner: dead });
    await writeFile(path.join(folder, runFiles.children, '1.json'), '{"name":');
    expect(await cleanUpDeadRuns(root)).toEqual([folder]);
  });
});
