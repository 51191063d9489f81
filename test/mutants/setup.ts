import type { TestProject } from 'vitest/node';

/** The tests of the ledger need Postgres and nothing else of the test environment. */
export default function setup(project: TestProject): void {
  const postgresUrl = process.env['MUTANT_POSTGRES_URL'] ?? '';
  const noKey = { key: '', certificate: '' };
  const access = { url: '', authority: noKey, admin: noKey, folder: '' };
  project.provide('testEnv', { apiUrl: '', kubeconfig: '', postgresUrl, binariesFolder: '', access });
}
