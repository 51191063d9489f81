import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { KubeClient } from '../../kube/client/client.ts';
import { createControllerReader } from './controller-state.ts';

const logger = pino({ level: 'silent' });
const set = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web' };

/** A reader of a cluster with one object, or an error, and the number of its requests. */
function aReader(spec: object | Error | undefined) {
  const paths: string[] = [];
  const find = (({ group, version, plural, schema }, { namespace, name }) => {
    paths.push(`${group}/${version}/${namespace ?? ''}/${plural}/${name}`);
    if (spec instanceof Error) return Promise.reject(spec);
    const metadata = { name, namespace, uid: 'u', resourceVersion: '1' };
    return Promise.resolve(spec === undefined ? undefined : schema.parse({ metadata, spec }));
  }) as KubeClient['find'];
  return { read: createControllerReader({ client: { find } as KubeClient, logger }), paths };
}

test.each<[string, object | Error | undefined, typeof set | undefined, unknown]>([
  ['has the ordinals from 0', { replicas: 3 }, set, { first: 0, count: 3 }],
  ['has the ordinals from its start', { replicas: 3, ordinals: { start: 5 } }, set, { first: 5, count: 3 }],
  ['has one replica if it does not say how many', {}, set, { first: 0, count: 1 }],
  [
    'may be a pool of virtual machines',
    { replicas: 2 },
    { apiVersion: 'pool.kubevirt.io/v1beta1', kind: 'VirtualMachinePool', name: 'web' },
    { first: 0, count: 2 },
  ],
  ['may be absent', undefined, set, 'absent'],
  ['may be of a kind that is not read', { replicas: 3 }, { ...set, apiVersion: 'apps.kruise.io/v1beta1' }, 'foreign'],
  ['may be of a kind with the group of another', { replicas: 3 }, { ...set, kind: 'ReplicaSet' }, 'foreign'],
  ['is unknown when it cannot be read', new Error('no'), set, 'unknown'],
  ['may not exist', undefined, undefined, 'none'],
])('the controller of a workload %s', async (_, spec, controller, wanted) => {
  expect(await aReader(spec).read('default', controller)).toEqual(wanted);
});

test('a controller is read once, by its kind and name in the namespace', async () => {
  const { read, paths } = aReader({ replicas: 3 });
  for (const namespace of ['a', 'b', 'a', 'b']) await read(namespace, set);
  expect(paths).toEqual(['apps/v1/a/statefulsets/web', 'apps/v1/b/statefulsets/web']);
});
