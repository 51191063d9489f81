import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { packageIn, packagesOf } from '../licences.ts';
import type { Making } from './archives.ts';
import { releaseSbom } from './sbom.ts';

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, '..', '..');

/** Writes the SBOM of a release, and returns the name of the file. */
export async function makeSbom({ version, output, mtime }: Making): Promise<string> {
  const args = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'];
  const { stdout } = await run('npm', args, { cwd: ROOT, maxBuffer: 64e6 });
  const name = `rock-mac_${version}_sbom.cdx.json`;
  const time = new Date(mtime * 1_000).toISOString();
  const sbom = releaseSbom(JSON.parse(stdout), { bundled: await bundledPackages(), time });
  await writeFile(path.join(output, name), `${JSON.stringify(sbom, null, 2)}\n`);
  return name;
}

/** Returns `name@version` of every package whose code is in a bundle of the last build. */
async function bundledPackages(): Promise<ReadonlySet<string>> {
  const stamp: unknown = JSON.parse(await readFile(path.join(ROOT, 'build', '.stamp.json'), 'utf8'));
  const { files } = z.object({ files: z.array(z.string()) }).parse(stamp);
  const packages = await Promise.all(packagesOf(files).map((folder) => packageIn(path.join(ROOT, folder))));
  return new Set(packages.map(({ name, version }) => `${name}@${version}`));
}
