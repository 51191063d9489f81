import { test } from 'vitest';
import { createKubeClient } from '../../kube/client.ts';
import { namespaces, leases } from '../../kube/core-resources.ts';
import { sharedGround } from '../ground/testing.ts';

test('scratch', async () => {
  const { kubeconfig } = sharedGround();
  const client = createKubeClient({ kubeconfig, userAgent: 'x' });
  const ns = await client.get(namespaces, { name: 'default' });
  console.log(ns);
  const l = await client.create(leases, { metadata: { namespace: 'default', name: 'aa' }, spec: {} });
  console.log(l);
  const bad = async (body: any) => {
    try {
      console.log(await client.patch(leases, { namespace: 'default', name: 'aa' }, { type: 'json', body }));
    } catch (e) {
      console.log(e, JSON.stringify(e));
    }
  };
  await bad([{ op: 'test', path: '/metadata/resourceVersion', value: '1' }]);
  await bad([{ op: 'test', path: '/metadata/uid', value: '1' }]);
  await bad([
    { op: 'replace', path: '/metadata/resourceVersion', value: '1' },
    { op: 'add', path: '/metadata/finalizers', value: ['a.b/c'] },
  ]);
  await bad([
    { op: 'replace', path: '/metadata/uid', value: '1' },
    { op: 'add', path: '/metadata/finalizers', value: ['a.b/c'] },
  ]);
  await bad([
    { op: 'replace', path: '/metadata/resourceVersion', value: l.metadata.resourceVersion },
    { op: 'add', path: '/metadata/finalizers', value: ['a.b/c'] },
  ]);
  await bad([{ op: 'remove', path: '/metadata/labels/a' }]);
  await client.close();
});
