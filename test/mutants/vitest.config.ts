import path from 'node:path';
import { defineConfig } from 'vitest/config';

/** Used by run.ts: the tests of a mutated copy, on the Postgres that it started. */
export default defineConfig({
  test: {
    root: path.join(import.meta.dirname, '..', '..'),
    include: ['test/integration/ledger*.test.ts'],
    globalSetup: ['test/mutants/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
});
