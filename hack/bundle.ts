import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { z } from 'zod';

const ROOT = path.join(import.meta.dirname, '..');

/** The names of the command line: the program itself, the kubectl plugin, and the plugin's completion program. */
export const COMMAND_LINES = ['rock-mac', 'kubectl-rock_mac', 'kubectl_complete-rock_mac'] as const;

/** Defines `require` and `__dirname`, which bundled CommonJS packages use, in the ES module. */
const BANNER = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { dirname as __pathDirname } from 'node:path';",
  "import { fileURLToPath as __toPath } from 'node:url';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __toPath(import.meta.url);',
  'const __dirname = __pathDirname(__filename);',
].join('\n');

const SHARED = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  banner: { js: BANNER },
  sourcemap: 'linked',
  metafile: true,
  logLevel: 'warning',
} as const satisfies BuildOptions;

/**
 * Bundles the command line into a folder, with the migrations as files beside it. The bundle is split at lazy imports, so a
 * command loads only the code that it uses. Returns the bundled source files.
 */
export async function bundleCommandLine(outdir: string): Promise<string[]> {
  const entryPoints = Object.fromEntries(COMMAND_LINES.map((name) => [name, path.join(ROOT, 'cli', 'main.ts')]));
  const { metafile } = await build({ ...SHARED, outdir, entryPoints, splitting: true, plugins: [vendorNames] });
  await cp(path.join(ROOT, 'ledger', 'migrations'), path.join(outdir, 'migrations'), { recursive: true });
  await writeFile(path.join(outdir, 'package.json'), '{ "type": "module" }\n');
  return [...Object.keys(metafile.inputs), ...(await bundleConsole(path.join(outdir, 'console')))];
}

const registrySchema = z.record(z.string(), z.string());

/** Keeps the first line of each entry in IEEE's registry, the name. The postal addresses are two thirds of it. */
const vendorNames: Plugin = {
  name: 'vendor-names',
  setup: (loading) => {
    loading.onLoad({ filter: /oui-data\/index\.json$/ }, async ({ path }) => {
      const registry = registrySchema.parse(JSON.parse(await readFile(path, 'utf8')));
      const names = Object.entries(registry).map(([block, text]) => [block, text.split('\n', 1)[0]]);
      // Node parses a text of JSON faster than an object of JavaScript, and a part with an export for each key is twice as large.
      return {
        contents: `export default JSON.parse(${JSON.stringify(JSON.stringify(Object.fromEntries(names)))});`,
        loader: 'js',
      };
    });
  },
};

/** Files of the console that are served as they are. */
const CONSOLE_FILES = ['index.html', 'icon.svg'] as const;

/**
 * Bundles the page of the console: one script and one style sheet, for browsers of the last years. Returns the source files.
 */
export async function bundleConsole(outdir: string): Promise<string[]> {
  const source = path.join(ROOT, 'console');
  await mkdir(outdir, { recursive: true });
  for (const name of CONSOLE_FILES) await cp(path.join(source, name), path.join(outdir, name));
  const { metafile } = await build({
    outdir,
    entryPoints: [path.join(source, 'main.tsx'), path.join(source, 'style.css')],
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['chrome115', 'firefox115', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { 'process.env.NODE_ENV': '"production"' },
    legalComments: 'none', // the licences are in THIRD-PARTY-LICENSES.txt
    metafile: true,
    logLevel: 'warning',
  });
  return [...Object.keys(metafile.inputs), ...CONSOLE_FILES.map((name) => path.join('console', name))];
}

/**
 * Bundles the programs that run in a cluster. Node keeps the source text in memory: comments and indentation are a quarter
 * of it, and one character beyond Latin-1 doubles its size. Names and lines are kept for stack traces. Returns the bundled
 * source files.
 */
export async function bundleServers(outdir: string): Promise<string[]> {
  const entryPoints = {
    operator: path.join(ROOT, 'operator', 'main.ts'),
    webhook: path.join(ROOT, 'webhook', 'main.ts'),
    uninstall: path.join(ROOT, 'operator', 'uninstall', 'main.ts'),
  };
  const options = { minifyWhitespace: true, lineLimit: 160, legalComments: 'external' } as const;
  const { metafile } = await build({ ...SHARED, ...options, outdir, entryPoints });
  return Object.keys(metafile.inputs);
}
