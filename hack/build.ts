/**
 * Bundles the programs into build/: the command line under its three names (each with its launcher), `operator.js`,
 * `webhook.js` and `uninstall.js`, and beside them the migrations, which are read as files. Only the embedded ledger of `rock-mac init` needs
 * node_modules: the package with Postgres' programs. What a command does not use is not loaded: the command line is split
 * where it imports lazily.
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

/** The names of the command line: on its own, as a plugin of kubectl, and as what kubectl asks for completions. */
const COMMAND_LINES = ['rock-mac', 'kubectl-rock_mac', 'kubectl_complete-rock_mac'] as const;

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

await rm(`${ROOT}build`, { recursive: true, force: true });
const shared = {
  outdir: `${ROOT}build`,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  banner: { js: BANNER },
  sourcemap: 'linked',
  logLevel: 'warning',
} as const;
await build({
  ...shared,
  entryPoints: Object.fromEntries(COMMAND_LINES.map((name) => [name, `${ROOT}cli/main.ts`])),
  splitting: true,
});
await build({
  ...shared,
  entryPoints: {
    operator: `${ROOT}operator/main.ts`,
    webhook: `${ROOT}webhook/main.ts`,
    uninstall: `${ROOT}operator/uninstall-main.ts`,
  },
});
await cp(`${ROOT}ledger/migrations`, `${ROOT}build/migrations`, { recursive: true });
await writeFile(`${ROOT}build/package.json`, '{ "type": "module" }\n');
for (const name of COMMAND_LINES) {
  await writeFile(`${ROOT}build/${name}`, launcher(name));
  await chmod(`${ROOT}build/${name}`, 0o755);
}
