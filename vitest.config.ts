import { defineConfig } from 'vitest/config';

/**
 * Three projects. `unit` needs no services. `integration` needs a real control plane and a real Postgres, which test/env
 * starts once per run. `fault` needs the same and longer timeouts, because it breaks them on purpose.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{mac,api,ledger,kube,process,operator,webhook,cli,hack,test}/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/e2e/**', 'test/faults/**', 'node_modules/**'],
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
