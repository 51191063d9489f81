import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { KubeClient } from '../../kube/client/client.ts';
import { createControllerReader } from './controller-state.ts';

const logger = pino({ level: 'silent' });
const set = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web' };
const pool = { apiVersion: 'pool.kubevirt.io/v1beta1', kind: 'VirtualMachinePool', name: 'web' };

function aDefinition(served: string) {
  if (served === 'none') return undefined;
  const versions = ['v1alpha1', served].map((name) => ({ name, served: name === served }));
  return { metadata: { name: 'd', uid: 'd', resourceVersion: '1' }, spec: { versions } };
}

/** A reader of a cluster with one object, or an error, and its requests. `served` is the version of custom kinds, or `none`. */
function aReader(
  spec: object | Error | undefined,
  { served = 'v1beta1', status }: { served?: string; status?: object } = {},
) {
  const paths: string[] = [];
  const find = (({ group, version, plural, schema }, { namespace, name }) => {
    if (plural === 'customresourcedefinitions') return Promise.resolve(aDefinition(served));
    paths.push(`${group}/${version}/${namespace ?? ''}/${plural}/${name}`);
    if (spec instanceof Error) return Promise.reject(spec);
    const metadata = { name, namespace, uid: 'u', resourceVersion: '1' };
    return Promise.resolve(spec === undefined ? undefined : schema.parse({ metadata, spec, status }));
  }) as KubeClient['find'];
  return { read: createControllerReader({ client: { find } as KubeClient, logger }), paths };
}

test.each<[string, object | Error | undefined, typeof set | undefined, unknown]>([
  ['has the ordinals from 0', { replicas: 3 }, set, { first: 0, count: 3 }],
  ['has the ordinals from its start', { replicas: 3, ordinals: { start: 5 } }, set, { first: 5, count: 3 }],
  ['has one replica if it does not say how many', {}, set, { first: 0, count: 1 }],
  ['may be absent', undefined, set, 'absent'],
  ['may be of a kind that is not read', { replicas: 3 }, { ...set, apiVersion: 'apps.kruise.io/v1beta1' }, 'foreign'],
  ['may be of a kind with the group of another', { replicas: 3 }, { ...set, kind: 'ReplicaSet' }, 'foreign'],
  [
    'is the same whatever version the workload names',
    { replicas: 3 },
    { ...set, apiVersion: 'apps/v9' },
    { first: 0, count: 3 },
  ],
  [
    'is read by no path that the workload makes up',
    { replicas: 3 },
    { ...set, apiVersion: 'apps/v1/../v1' },
    { first: 0, count: 3 },
  ],
  ['may have a name that no object has', { replicas: 3 }, { ...set, name: '../secrets/x' }, 'foreign'],
  ['may have an empty name', { replicas: 3 }, { ...set, name: '' }, 'foreign'],
  ['is unknown when it cannot be read', new Error('no'), set, 'unknown'],
  ['may not exist', undefined, undefined, 'none'],
])('the controller of a workload %s', async (_, spec, controller, wanted) => {
  expect(await aReader(spec).read('default', controller)).toEqual(wanted);
});

test.each<[string, object, object | undefined, string]>([
  ['lacks machines before it has made any', { replicas: 2 }, undefined, 'incomplete'],
  ['lacks machines while one is missing', { replicas: 2 }, { replicas: 1 }, 'incomplete'],
  ['is complete with as many machines as it wants', { replicas: 2 }, { replicas: 2 }, 'complete'],
  ['is complete while it still has too many', { replicas: 1 }, { replicas: 2 }, 'complete'],
  ['is complete without machines if it wants none', { replicas: 0 }, {}, 'complete'],
  ['wants one machine if it does not say how many', {}, {}, 'incomplete'],
])('a pool of virtual machines %s', async (_, spec, status, wanted) => {
  expect(await aReader(spec, { ...(status !== undefined && { status }) }).read('a', pool)).toBe(wanted);
});

test.each(['v1alpha1', 'v2'])(
  'a pool of virtual machines is read in the version that is served: %s',
  async (served) => {
    const { read, paths } = aReader({ replicas: 2 }, { served });
    expect(await read('a', pool)).toBe('incomplete');
    expect(paths).toEqual([`pool.kubevirt.io/${served}/a/virtualmachinepools/web`]);
  },
);

test('a pool of virtual machines is absent where its kind does not exist', async () => {
  const { read } = aReader({ replicas: 2 }, { served: 'none' });
  expect(await read('a', pool)).toBe('absent');
});

test('a controller is read once, by its kind and name in the namespace', async () => {
  const { read, paths } = aReader({ replicas: 3 });
  for (const namespace of ['a', 'b', 'a', 'b']) await read(namespace, set);
  await read('a', { ...set, apiVersion: 'apps/v1beta1' });
  expect(paths).toEqual(['apps/v1/a/statefulsets/web', 'apps/v1/b/statefulsets/web']);
});
