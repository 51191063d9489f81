import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { customResourceDefinitions } from '../../api/crds.ts';
import type { Making } from './archives.ts';
import type { Change } from './changelog.ts';
import { releasedChart, releasedValues } from './chart-release.ts';
import { writeTarball } from './tarball.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
/** One for each kind, in the order of the kinds. */
const EXAMPLES = ['claim', 'pool'];

/** Where a release is published. */
export interface Addresses {
  /** The address of the repository. */
  readonly source: string;
  /** The image, without a tag. */
  readonly image: string;
}

/**
 * Packs the chart of a release, and returns the name of the file. It has the form that `helm package` writes. Helm would also
 * write the time of the packing into it, so that no two files were the same.
 */
export async function makeChart(making: Making, addresses: Addresses, changes: readonly Change[]): Promise<string> {
  const { version, work, output, mtime } = making;
  const folder = path.join(work, 'chart', 'rock-mac');
  await cp(path.join(ROOT, 'charts', 'rock-mac'), folder, { recursive: true });
  const release = {
    ...{ version, ...addresses, changes, crds: customResourceDefinitions() },
    examples: await Promise.all(
      EXAMPLES.map((name) => readFile(path.join(ROOT, 'deploy/examples', `${name}.yaml`), 'utf8')),
    ),
  };
  await edit(path.join(folder, 'Chart.yaml'), (text) => releasedChart(text, release));
  await edit(path.join(folder, 'values.yaml'), (text) => releasedValues(text, release));
  const name = `rock-mac-chart-${version}.tgz`;
  await writeTarball(folder, path.join(output, name), mtime);
  return name;
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, 'utf8')));
}
