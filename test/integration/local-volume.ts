import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { ChartEnv } from './chart-env.ts';

/** Makes a volume on the node for the bundled Postgres, because there is no provisioner of volumes. */
export async function makeLocalVolume({ testEnv, nodes }: ChartEnv): Promise<void> {
  const { name, varLib } = nodes.first;
  const folder = path.join(varLib, 'volumes/postgres');
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o770);
  const values = { key: 'kubernetes.io/hostname', operator: 'In', values: [name] };
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'postgres' },
    spec: {
      capacity: { storage: '100Gi' },
      accessModes: ['ReadWriteOnce'],
      local: { path: '/var/lib/volumes/postgres' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [values] }] } },
    },
  };
  await testEnv.controlPlane.kubectl(['create', '-f', '-'], { input: JSON.stringify(volume) });
}
