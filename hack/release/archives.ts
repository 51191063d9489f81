import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { layOutFull, layOutPlugin, type Sources, unpackParts } from './archive-contents.ts';
import type { Platform } from './platforms.ts';
import { writeTarball } from './tarball.ts';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '..', '..');

/** What the files of a release share. */
export interface Making {
  readonly version: string;
  /** The time of every file in an archive, in seconds since 1970: that of the commit. */
  readonly mtime: number;
  /** A folder for intermediate files. */
  readonly work: string;
  /** The folder of the finished files. */
  readonly output: string;
}

/**
 * Makes the package for npm. Returns its name, and the folder of its bundles. npm accepts a statement of provenance only if the
 * package names the repository of the workflow, so its address is added.
 */
export async function makeNpmPackage(making: Making, source: string): Promise<{ name: string; bundles: string }> {
  const { version, work, output, mtime } = making;
  const { stdout } = await run('npm', ['pack', '--pack-destination', work, '--silent'], { cwd: ROOT });
  await run('tar', ['-xzf', path.join(work, stdout.trim().split('\n').at(-1) ?? ''), '-C', work]);
  const folder = path.join(work, 'package');
  const file = path.join(folder, 'package.json');
  const manifest = z.looseObject({}).parse(JSON.parse(await readFile(file, 'utf8')));
  const repository = { type: 'git', url: `git+${source}.git` };
  await writeFile(file, `${JSON.stringify({ ...manifest, repository }, null, 2)}\n`);
  const name = `rock-mac-${version}.tgz`;
  await writeTarball(folder, path.join(output, name), mtime);
  return { name, bundles: path.join(folder, 'build') };
}

/** The kinds of archives: everything for a machine, and the kubectl plugin alone. */
const KINDS = {
  full: { name: 'rock-mac', layOut: layOutFull },
  plugin: { name: 'kubectl-rock_mac', layOut: layOutPlugin },
} as const;
export type ArchiveKind = keyof typeof KINDS;

/** Makes archives of a platform. Returns their names in the order of the kinds. */
export async function makeArchives(
  platform: Platform,
  kinds: readonly ArchiveKind[],
  bundles: string,
  { version, work, output, mtime }: Making,
): Promise<readonly string[]> {
  const folder = path.join(work, `${platform.os}_${platform.arch}`);
  const parts = await unpackParts(platform, folder);
  const sources: Sources = { platform, parts, bundles, licence: path.join(ROOT, 'LICENSE') };
  const made = kinds.map(async (kind) => {
    const { name, layOut } = KINDS[kind];
    const tree = path.join(folder, `${name}_${version}_${platform.os}_${platform.arch}`);
    await layOut(sources, tree);
    const file = `${path.basename(tree)}.tar.gz`;
    await writeTarball(tree, path.join(output, file), mtime);
    return file;
  });
  const names = await Promise.all(made);
  await rm(folder, { recursive: true });
  return names;
}
