import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ArchiveKind, makeArchives, makeNpmPackage, type Making } from '../../hack/release/archives.ts';
import { makeChart } from '../../hack/release/make-chart.ts';
import { thisPlatform } from '../../hack/release/platforms.ts';
import packageJson from '../../package.json' with { type: 'json' };

const ADDRESSES = { source: 'https://git.example.com/rock-mac', image: 'registry.example.com/rock-mac' };

/** Files of a release, made for this machine as `make release` makes them. */
export interface ReleaseFiles {
  readonly folder: string;
  /** The path of the archive. */
  readonly archive: string;
  readonly chart: string;
  readonly making: Making;
  /** Makes the archive again, elsewhere, and returns its path. */
  again(): Promise<string>;
  remove(): Promise<void>;
}

/** Makes the archive of this kind, and the chart. */
export async function makeReleaseFiles(kind: ArchiveKind): Promise<ReleaseFiles> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-release-'));
  const making: Making = {
    version: packageJson.version,
    mtime: Date.UTC(2026, 11, 1) / 1_000,
    work: path.join(folder, 'work'),
    output: path.join(folder, 'dist'),
  };
  for (const each of [making.work, making.output]) await mkdir(each);
  const { bundles } = await makeNpmPackage(making, ADDRESSES.source);
  const [name = ''] = await makeArchives(thisPlatform(), [kind], bundles, making);
  return {
    folder,
    making,
    archive: path.join(making.output, name),
    chart: path.join(making.output, await makeChart(making, ADDRESSES, [{ kind: 'added', description: 'everything' }])),
    again: async () => {
      const output = path.join(folder, 'again');
      await mkdir(output);
      await makeArchives(thisPlatform(), [kind], bundles, { ...making, work: output, output });
      return path.join(output, name);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
