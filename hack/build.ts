/**
 * Bundles the three programs into build/: `rock-mac` (with its launcher), `operator.js` and `webhook.js`, and beside them
 * the migrations, which are read as files. Nothing there needs node_modules.
 */
import { chmod, cp, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** CommonJS packages inside an ES module bundle still ask for `require` and `__dirname`. */
const BANNER = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { dirname as __pathDirname } from 'node:path';",
  "import { fileURLToPath as __toPath } from 'node:url';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __toPath(import.meta.url);',
  'const __dirname = __pathDirname(__filename);',
].join('\n');

/** Runs the program with the first Node that is new enough: the user's, the installation's, or the checkout's. */
const LAUNCHER = `#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
for node in node "$here/node" "$here/../node_modules/node/bin/node"; do
  version=$("$node" --version 2>/dev/null) || continue
  major=\${version#v}
  if [ "\${major%%.*}" -ge 24 ]; then
    exec "$node" "$here/rock-mac.js" "$@"
  fi
done
echo 'Error: rock-mac needs Node.js 24 or newer. Install it, or run rock-mac from a checkout after "make build".' >&2
exit 1
`;

await rm(`${ROOT}build`, { recursive: true, force: true });
await build({
  entryPoints: {
    'rock-mac': `${ROOT}cli/main.ts`,
    operator: `${ROOT}operator/main.ts`,
    webhook: `${ROOT}webhook/main.ts`,
  },
  outdir: `${ROOT}build`,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  banner: { js: BANNER },
  sourcemap: 'linked',
  logLevel: 'warning',
});
await cp(`${ROOT}ledger/migrations`, `${ROOT}build/migrations`, { recursive: true });
await writeFile(`${ROOT}build/package.json`, '{ "type": "module" }\n');
await writeFile(`${ROOT}build/rock-mac`, LAUNCHER);
await chmod(`${ROOT}build/rock-mac`, 0o755);
