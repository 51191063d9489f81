import { defineConfig } from 'vitest/config';

/**
 * Five projects. `unit` needs no services. `integration` needs a real control plane and a real Postgres, which test/env
 * starts once per run. `fault` needs the same and longer timeouts, because it breaks them on purpose.
 * `node` starts real nodes, for which it needs root, and skips its tests elsewhere.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{mac,api,ledger,kube,time,process,operator,webhook,cli,console,hack,test}/**/*.test.ts'],
          exclude: ['test/{integration,e2e,faults,node,console}/**', 'node_modules/**'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/{integration,e2e}/**/*.test.ts'],
          globalSetup: ['test/env/vitest-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'console',
          include: ['test/console/**/*.test.ts'],
          globalSetup: ['test/env/vitest-setup.ts'],
          expect: { poll: { timeout: 10_000 } }, // a browser on a busy machine
          testTimeout: 60_000,
          hookTimeout: 180_000,
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: 'node',
          include: ['test/node/**/*.test.ts'],
          testTimeout: 90_000,
          hookTimeout: 300_000,
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: 'fault',
          include: ['test/faults/**/*.test.ts'],
          globalSetup: ['test/env/vitest-setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
        },
      },
    ],
  },
});
