import type { TestProject } from 'vitest/node';
import { startTestEnv } from './env.ts';
import type { ControlPlaneAccess } from './kubernetes/identities.ts';

/** The shared test environment as test files see it. Workers are other processes, so it is plain data. */
export interface SharedTestEnv {
  readonly apiUrl: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** The connection URL of Postgres' superuser for the database `postgres`. */
  readonly postgresUrl: string;
  /** Folder with kubectl and the other programs. */
  readonly binariesFolder: string;
  /** What is needed to create users of the control plane. */
  readonly access: ControlPlaneAccess;
}

declare module 'vitest' {
  interface ProvidedContext {
    testEnv: SharedTestEnv;
  }
}

/**
 * Starts one control plane and one Postgres for all files of a vitest project, and stops them after the last file. fsync is
 * off: tests kill processes but never cut the power.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const testEnv = await startTestEnv({ postgres: { fsync: false } });
  project.provide('testEnv', {
    apiUrl: testEnv.controlPlane.url,
    kubeconfig: testEnv.controlPlane.kubeconfig,
    postgresUrl: testEnv.postgres.url(),
    binariesFolder: testEnv.controlPlane.binaries.folder,
    access: testEnv.controlPlane.access,
  });
  return () => testEnv.close();
}
