import type { TestProject } from 'vitest/node';
import { startTestEnv } from './env.ts';
import type { ControlPlaneAccess } from './kubernetes/identities.ts';

/** What a test file can know of the test environment that its run shares. Workers are other processes, so only plain data. */
export interface SharedTestEnv {
  readonly apiUrl: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Connection URL of Postgres' superuser, database `postgres`. */
  readonly postgresUrl: string;
  /** Folder with kubectl and the other programs. */
  readonly binariesFolder: string;
  /** For making users of the control plane. */
  readonly access: ControlPlaneAccess;
}

declare module 'vitest' {
  interface ProvidedContext {
    testEnv: SharedTestEnv;
  }
}

/**
 * One control plane and one Postgres for all files of a vitest project, raised before the first and taken down after
 * the last. Without fsync: these tests kill processes, never the power.
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
