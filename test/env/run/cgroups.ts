import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MOUNT = '/sys/fs/cgroup';
const RETRIES = 50;
const RETRY_MS = 100;

/** Returns the name of the cgroup for the containers of a run. It follows from the folder, so the cleanup needs no record. */
export function cgroupName(runFolder: string): string {
  return `rock-mac-env-${path.basename(runFolder)}`;
}

/** Creates a cgroup in the one of a run, in version 2 or in every hierarchy of version 1. Returns its path for a kubelet. */
export async function makeCgroup(runFolder: string, name: string): Promise<string> {
  const ofRun = cgroupName(runFolder);
  for (const hierarchy of await hierarchies()) {
    for (const folder of [path.join(hierarchy, ofRun), path.join(hierarchy, ofRun, name)]) await makeFolder(folder);
  }
  return `/${ofRun}/${name}`;
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const parent = path.dirname(folder);
  if (isVersion2()) await writeFile(path.join(parent, 'cgroup.subtree_control'), '+cpu +cpuset +memory +pids');
  // In version 1 a new cpuset is empty, and then no process can enter it.
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const inherited = path.join(parent, name);
    if (!isVersion2() && existsSync(inherited)) await writeFile(path.join(folder, name), await readFile(inherited));
  }
}

/** Removes the cgroup of a run with all cgroups in it, once their processes have ended. Does nothing if there is none. */
export async function removeCgroup(runFolder: string): Promise<void> {
  const left = (await hierarchies()).map((hierarchy) => path.join(hierarchy, cgroupName(runFolder)));
  for (const folder of left) {
    for (let attempt = 0; existsSync(folder) && attempt < RETRIES; attempt++) {
      await removeTree(folder);
      if (existsSync(folder)) await sleep(RETRY_MS);
    }
  }
}

async function hierarchies(): Promise<string[]> {
  if (isVersion2()) return [MOUNT];
  return (await readdir(MOUNT).catch(() => [])).map((name) => path.join(MOUNT, name));
}

function isVersion2(): boolean {
  return existsSync(path.join(MOUNT, 'cgroup.controllers'));
}

/** The files of a cgroup disappear with its folder. */
async function removeTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(path.join(folder, entry.name));
  await rmdir(folder).catch(() => undefined); // still in use, or removed by somebody else
}
