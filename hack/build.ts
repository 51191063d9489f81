/**
 * Bundles the programs into build/: the command line under its three names (each with its launcher), `operator.js`,
 * `webhook.js`, `uninstall.js`, the pages of the manual in `man/`, and the licences of the bundled packages. Only the embedded ledger of `rock-mac init` needs
 * node_modules, for the package with the programs of Postgres.
 *
 * Does nothing if nothing has changed since the last build. Reports on stderr, because `make dev` builds first and scripts
 * read its stdout.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { clusterMode } from '../cli/cluster-mode/mode.ts';
import { ledgerMode } from '../cli/ledger-mode/mode.ts';
import packageJson from '../package.json' with { type: 'json' };
import { type BuildStamp, hashOf, isUpToDate } from './build-stamp.ts';
import { bundleCommandLine, bundleServers, COMMAND_LINES } from './bundle.ts';
import { commandsOf } from './cli-reference.ts';
import { launcher } from './launcher.ts';
import { licenceTexts, packagesOf } from './licences.ts';
import { manPages } from './man-pages.ts';
import { createReporter } from './reporter.ts';

const ROOT = path.join(import.meta.dirname, '..');
const BUILD = path.join(ROOT, 'build');
const STAMP = path.join(BUILD, '.stamp.json');

const reporter = createReporter(process.stderr);
const others = await filesThatNothingImports();
if (await isUpToDate(ROOT, await readFile(STAMP, 'utf8').catch(() => undefined), others)) {
  reporter.print('  ✓ build/ is up to date');
} else {
  await rm(BUILD, { recursive: true, force: true });
  const files = [
    ...(await reporter.step('Bundling rock-mac and the kubectl plugin', () => bundleCommandLine(BUILD))),
    ...(await reporter.step('Bundling the operator, the webhook and the uninstaller', () => bundleServers(BUILD))),
  ];
  await reporter.step('Collecting the licences of the bundled packages', async () => {
    const licences = await licenceTexts(packagesOf(files));
    await writeFile(path.join(BUILD, 'THIRD-PARTY-LICENSES.txt'), `${licences}\n`);
  });
  await reporter.step('Writing the pages of the manual', writeManPages);
  for (const name of COMMAND_LINES) await writeFile(path.join(BUILD, name), launcher(name), { mode: 0o755 });
  await writeStamp([...new Set([...files, ...others])]);
}

async function writeManPages(): Promise<void> {
  const folder = path.join(BUILD, 'man');
  await mkdir(folder);
  const { version } = packageJson;
  const pages = [
    ...manPages({ name: 'rock-mac', version, commands: commandsOf(ledgerMode) }),
    ...manPages({ name: 'kubectl-rock_mac', version, commands: commandsOf(clusterMode) }),
  ];
  for (const { name, text } of pages) await writeFile(path.join(folder, name), text);
}

/** Returns what goes into a build without an import: the migrations, these scripts, and the versions of the packages. */
async function filesThatNothingImports(): Promise<string[]> {
  const migrations = await readdir(path.join(ROOT, 'ledger', 'migrations'));
  const scripts = [
    'build.ts',
    'build-stamp.ts',
    'bundle.ts',
    'cli-reference.ts',
    'launcher.ts',
    'licences.ts',
    'man-pages.ts',
  ];
  return [
    ...migrations.map((name) => path.join('ledger', 'migrations', name)),
    ...scripts.map((name) => path.join('hack', name)),
    'package.json',
    'package-lock.json',
  ];
}

async function writeStamp(files: readonly string[]): Promise<void> {
  const outputs = (await readdir(BUILD)).map((name) => path.join('build', name));
  const stamp: BuildStamp = { files: [...files], outputs, hash: await hashOf(ROOT, files) };
  await writeFile(STAMP, JSON.stringify(stamp));
}
