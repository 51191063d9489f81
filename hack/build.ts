/**
 * Bundles the programs into build/: the command line under its three names (each with its launcher), `operator.js`,
 * `webhook.js`, `uninstall.js`, and the licences of the bundled packages. Only the embedded ledger of `rock-mac init` needs
 * node_modules, for the package with the programs of Postgres.
 */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleCommandLine, bundleServers, COMMAND_LINES } from './bundle.ts';
import { launcher } from './launcher.ts';
import { licenceTexts, packagesOf } from './licences.ts';

const BUILD = path.join(import.meta.dirname, '..', 'build');

await rm(BUILD, { recursive: true, force: true });
const files = [...(await bundleCommandLine(BUILD)), ...(await bundleServers(BUILD))];
const licences = await licenceTexts(packagesOf(files));
await writeFile(path.join(BUILD, 'THIRD-PARTY-LICENSES.txt'), `${licences}\n`);
for (const name of COMMAND_LINES) await writeFile(path.join(BUILD, name), launcher(name), { mode: 0o755 });
