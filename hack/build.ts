/**
 * Bundles the programs into build/: the command line under its three names (each with its launcher), `operator.js`,
 * `webhook.js` and `uninstall.js`, and the licences of the packages whose code they hold. Only the embedded ledger of `rock-mac init` needs node_modules: the package with Postgres' programs.
 */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleCommandLine, bundleServers, COMMAND_LINES } from './bundle.ts';
import { licenceTexts, packagesOf } from './licences.ts';

const BUILD = path.join(import.meta.dirname, '..', 'build');

/** Runs a program with the installation's own Node, else the first that is new enough: the user's, or the checkout's. */
const launcher = (program: string) => `#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
if [ -x "$here/node" ]; then
  exec "$here/node" "$here/${program}.js" "$@"
fi
for node in node "$here/../node_modules/node/bin/node"; do
  version=$("$node" --version 2>/dev/null) || continue
  major=\${version#v}
  if [ "\${major%%.*}" -ge 24 ]; then
    exec "$node" "$here/${program}.js" "$@"
  fi
done
echo 'Error: rock-mac needs Node.js 24 or newer. Install it, or run rock-mac from a checkout after "make build".' >&2
exit 1
`;

await rm(BUILD, { recursive: true, force: true });
const files = [...(await bundleCommandLine(BUILD)), ...(await bundleServers(BUILD))];
const licences = await licenceTexts(packagesOf(files));
await writeFile(path.join(BUILD, 'THIRD-PARTY-LICENSES.txt'), `${licences}\n`);
for (const name of COMMAND_LINES) await writeFile(path.join(BUILD, name), launcher(name), { mode: 0o755 });
