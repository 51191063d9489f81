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

/** Runs the program with a Node that is new enough: the one on the PATH, else the one of the checkout. */
const LAUNCHER = `#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
node=node
if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)' 2>/dev/null; then
  node="$here/../node_modules/.bin/node"
fi
exec "$node" "$here/rock-mac.js" "$@"
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
