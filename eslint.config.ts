import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import js from '@eslint/js';
import type { Linter } from 'eslint';
import { defineConfig } from 'eslint/config';
import importSort from 'eslint-plugin-simple-import-sort';
import tseslint from 'typescript-eslint';

/**
 * The rooms and what each may import. Arrows point one way (docs/architecture.md), so that a reader of one room
 * never has to know a room to its right. `operator` and `webhook` meet only in the ledger and the Kubernetes API.
 */
const rooms: Record<string, readonly string[]> = {
  mac: [],
  api: ['mac'],
  time: [],
  process: [],
  ledger: ['mac', 'api', 'time'],
  kube: ['mac', 'api', 'time'],
  operator: ['mac', 'api', 'time', 'process', 'ledger', 'kube'],
  webhook: ['mac', 'api', 'time', 'process', 'ledger', 'kube'],
  cli: ['mac', 'api', 'time', 'ledger', 'kube'],
  console: ['mac', 'api'],
};

/**
 * The folders of a room, from the lowest to the highest. A folder imports only folders before it, so no two folders import
 * each other. `files` stands for the files beside the folders.
 */
const folders: Record<string, readonly string[]> = {
  kube: ['files', 'client', 'controller', 'server'],
  operator: [
    'metrics',
    'live',
    'stock',
    'controller',
    'link',
    'allocation',
    'pool',
    'address-ranges',
    'export',
    'mirror',
    'claim',
    'observation',
    'sticky',
    'workload',
    'scheduling-gate',
    'collision',
    'resync',
    'ledger-state',
    'read-api',
    'uninstall',
    'files',
  ],
  webhook: [
    'review',
    'plan',
    'limits',
    'watch',
    'callers',
    'pools',
    'refuse',
    'claims',
    'sticky',
    'allocate',
    'admission-keys',
    'scheduling-gate',
    'stock',
    'admit',
    'configuration',
    'server',
    'files',
  ],
};

const allRooms = [...Object.keys(rooms), 'test', 'hack', 'deploy'];

interface Restriction {
  readonly regex: string;
  readonly message: string;
}

const roomRules = Object.entries(rooms).map(([room]) =>
  restrictImports(`${room}/**/*.{ts,tsx}`, restrictionsOfRoom(room)),
);
const folderRules = Object.entries(folders).flatMap(([room, order]) => {
  requireEveryFolder(room, order);
  return order.map((folder, index) =>
    restrictImports(folder === 'files' ? `${room}/*.ts` : `${room}/${folder}/**/*.ts`, [
      // ESLint uses only the last entry of a rule for a file, so this one repeats those of the room.
      ...restrictionsOfRoom(room),
      ...order.slice(index + 1).map((later) => restrictionOfFolder(folder, later, room)),
    ]),
  );
});

function restrictionsOfRoom(room: string): Restriction[] {
  const forbidden = allRooms.filter((other) => other !== room && rooms[room]?.includes(other) !== true);
  return forbidden.map((other) => ({
    // `../console/` is a folder of the room itself.
    regex: existsSync(path.join(import.meta.dirname, room, other)) ? `^(\\.\\./){2,}${other}/` : `^(\\.\\./)+${other}/`,
    message: `${room} must not import ${other}: see the map of the rooms in docs/architecture.md.`,
  }));
}

function restrictionOfFolder(folder: string, later: string, room: string): Restriction {
  const up = folder === 'files' ? '\\.' : '\\.\\.';
  return {
    regex: later === 'files' ? `^${up}/[^/]+\\.ts$` : `^${up}/${later}/`,
    message: `${folder} must not import ${later}, which comes later in the order of ${room}/ in eslint.config.ts.`,
  };
}

function restrictImports(files: string, patterns: Restriction[]): Linter.Config {
  return {
    files: [files],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns }] },
  };
}

/** Throws if the order lacks a folder, which would then be free to import anything. */
function requireEveryFolder(room: string, order: readonly string[]): void {
  const files = globSync(`${room}/*/*.ts`, { cwd: import.meta.dirname });
  const missing = files.map((file) => path.basename(path.dirname(file))).find((folder) => !order.includes(folder));
  if (missing !== undefined) throw new Error(`Add ${missing} to the order of ${room}/ in eslint.config.ts`);
}

export default defineConfig(
  { ignores: ['build/**', 'node_modules/**'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { 'import-sort': importSort },
    rules: {
      // One block without empty lines: what only has effects, Node.js, packages, files from the farthest folder to the nearest.
      'import-sort/imports': ['error', { groups: [['^\\u0000', '^node:', '^@?\\w', '^\\.']] }],
      // A flat switch over a union is easy to read, however many cases it has.
      complexity: ['error', { max: 12, variant: 'modified' }],
      'max-depth': ['error', 4],
      '@typescript-eslint/consistent-type-imports': 'error',
      // `{ key, ...shown }` leaves a field out.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
    },
  },
  {
    // Each part that may be missing is a condition in the markup. They are flat.
    files: ['console/**/*.tsx'],
    rules: { complexity: ['error', { max: 17, variant: 'modified' }] },
  },
  ...roomRules,
  ...folderRules,
);
