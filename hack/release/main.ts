/**
 * Makes all files of a release into dist/, as `make release VERSION=x.y.z` does. It publishes nothing and signs nothing:
 * .github/workflows/release.yaml does both, with these files.
 *
 * The environment says where the release will be: SOURCE, the address of the repository, and IMAGE, the image without a tag.
 * Without them the files name example.com, and are good for a rehearsal only.
 */
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createReporter } from '../reporter.ts';
import { makeArchives, makeNpmPackage, type Making } from './archives.ts';
import { changesOf, sectionOf } from './changelog.ts';
import { checksumsOf, sha256Of } from './checksums.ts';
import { krewManifest, type PluginArchive } from './krew-manifest.ts';
import { makeChart } from './make-chart.ts';
import { makeSbom } from './make-sbom.ts';
import { PLATFORMS } from './platforms.ts';
import { commitTime, readCheckout } from './read-checkout.ts';
import { isRelease, refusals, releaseRefusals } from './refusals.ts';
import { wrongSizes } from './sizes.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const OUTPUT = path.join(ROOT, 'dist');
const [, , version = ''] = process.argv;
const { SOURCE, IMAGE } = process.env;
const addresses = {
  source: SOURCE ?? 'https://git.example.com/rock-mac',
  image: IMAGE ?? 'registry.example.com/rock-mac',
};

const reporter = createReporter(process.stderr);
const checkout = await readCheckout(ROOT, version);
const refused = [...refusals(checkout)];
if (isRelease(checkout) && (SOURCE === undefined || IMAGE === undefined))
  refused.push('Set SOURCE and IMAGE: the files of a release name where it is.');
if (refused.length > 0) {
  reporter.print(`Error: ${version === '' ? 'the release' : version} is not made.`);
  for (const reason of refused) reporter.print(`  ${reason}`);
  process.exit(1);
}

const work = await mkdtemp(path.join(tmpdir(), 'rock-mac-release-'));
try {
  await rm(OUTPUT, { recursive: true, force: true });
  await mkdir(OUTPUT);
  await makeFiles({ version, work, output: OUTPUT, mtime: await commitTime(ROOT) });
} finally {
  await rm(work, { recursive: true, force: true });
}

async function makeFiles(making: Making): Promise<void> {
  const { name, bundles } = await reporter.step('Packing for npm', () => makeNpmPackage(making, addresses.source));
  const files = [name];
  const plugins: PluginArchive[] = [];
  const sizes = new Map<string, number>();
  for (const platform of PLATFORMS) {
    const { os, arch } = platform;
    const [full = '', plugin = ''] = await reporter.step(`Packing for ${os} ${arch}`, () =>
      makeArchives(platform, ['full', 'plugin'], bundles, making),
    );
    files.push(full, plugin);
    const sha256 = await sha256Of(path.join(OUTPUT, plugin));
    const url = `${addresses.source}/releases/download/v${version}/${plugin}`;
    plugins.push({ platform, folder: path.basename(plugin, '.tar.gz'), url, sha256 });
    for (const file of [full, plugin]) sizes.set(file, (await stat(path.join(OUTPUT, file))).size);
  }
  const changelog = await readFile(path.join(ROOT, 'CHANGELOG.md'), 'utf8');
  const changes = changesOf(sectionOf(changelog, version) ?? sectionOf(changelog, 'Pending') ?? '');
  files.push(await reporter.step('Packing the chart', () => makeChart(making, addresses, changes)));
  await writeFile(path.join(OUTPUT, 'rock-mac.yaml'), krewManifest(version, addresses.source, plugins));
  files.push('rock-mac.yaml', await reporter.step('Writing the SBOM', () => makeSbom(making)));
  await writeFile(path.join(OUTPUT, 'checksums.txt'), await checksumsOf(OUTPUT, files));
  await report(sizes);
}

async function report(sizes: ReadonlyMap<string, number>): Promise<void> {
  reporter.print('');
  for (const [file, octets] of sizes) reporter.print(`  ${(octets / 1e6).toFixed(0).padStart(4)} MB  dist/${file}`);
  const page = await readFile(path.join(ROOT, 'docs', 'install.md'), 'utf8');
  const wrong = wrongSizes(page, version, sizes);
  if (wrong.length > 0) {
    reporter.print('Error: the sizes in docs/install.md are wrong. Correct them:');
    for (const each of wrong) reporter.print(`  ${each}`);
    process.exitCode = 1;
  }
  reporter.print(
    '  dist/ is complete. Nothing was published, and nothing was signed: the workflow of the release does both.',
  );
  if (isRelease(checkout)) return;
  reporter.print(`  This was a rehearsal, because this commit has no tag v${version}.`);
  for (const reason of releaseRefusals(checkout)) reporter.print(`  A release would be refused: ${reason}`);
}
