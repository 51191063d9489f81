import js from '@eslint/js';
import type { Linter } from 'eslint';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * The rooms and what each may import. Arrows point one way (docs/architecture.md), so that a reader of one room
 * never has to know a room to its right. `operator` and `webhook` meet only in the ledger and the Kubernetes API.
 */
const rooms: Record<string, readonly string[]> = {
  mac: [],
  api: ['mac'],
  ledger: ['mac', 'api'],
  kube: ['mac', 'api'],
  process: [],
  operator: ['mac', 'api', 'ledger', 'kube', 'process'],
  webhook: ['mac', 'api', 'ledger', 'kube', 'process'],
  cli: ['mac', 'api', 'ledger', 'kube'],
};

const allRooms = [...Object.keys(rooms), 'test', 'hack', 'deploy'];

const roomRules = Object.entries(rooms).map(([room, allowed]) => {
  const forbidden = allRooms.filter((other) => other !== room && !allowed.includes(other));
  return {
    files: [`${room}/**/*.ts`],
    ignores: [`${room}/**/*.test.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: forbidden.map((other) => ({
            regex: `^(\\.\\./)+${other}/`,
            message: `${room} must not import ${other}: see the map of the rooms in docs/architecture.md.`,
          })),
        },
      ],
    },
  } satisfies Linter.Config;
});

export default defineConfig(
  { ignores: ['build/**', 'node_modules/**'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // A flat switch over a union is easy to read, however many cases it has.
      complexity: ['error', { max: 12, variant: 'modified' }],
      'max-depth': ['error', 4],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
    },
  },
  ...roomRules,
);
