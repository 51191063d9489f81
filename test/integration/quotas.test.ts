import { beforeAll, describe, expect, test } from 'vitest';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, aPod, installedEnvOfThisFile, untilReason, whileLedgerIsAhead } from './installed-env.ts';

/* How many addresses a namespace may hold, and who decides it. */
const installed = installedEnvOfThisFile();
const networks = '[{"name":"net"}]';

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

async function createPod(name: string, namespace: string): Promise<string> {
  return await kubectl(['create', '-n', namespace, '-f', '-'], aPod(name, { networks }));
}

beforeAll(async () => {
  for (const namespace of ['small', 'counted']) await kubectl(['create', 'namespace', namespace]);
});

describe('a namespace at the limit of a MacPool', () => {
  beforeAll(async () => {
    await kubectl(['patch', 'macpool', 'kubernetes', '--type=merge', '-p', '{"spec":{"maxPerNamespace":2}}']);
    await createPod('one', 'small');
    await createPod('two', 'small');
  });

  test('is refused further pods, with the limit to raise, until one is gone', async () => {
    await eventually(
      () => expect(createPod('three', 'small')).rejects.toThrow('holds as many addresses of pool kubernetes as it may'),
      { within: 20_000, every: 300 },
    );
    await expect(createPod('three', 'small')).rejects.toThrow('raise spec.maxPerNamespace');
    await kubectl(['delete', 'pod', 'two', '-n', 'small', '--grace-period=0', '--force']);
    await eventually(() => createPod('three', 'small'), { within: 20_000, every: 300 });
  });

  test('is refused claims alike, and they get their address when there is room', async () => {
    const { plane } = installed();
    await kubectl(['create', '-f', '-'], aClaim('a', { pool: 'kubernetes' }));
    await kubectl(['create', '-f', '-'], aClaim('b', { pool: 'kubernetes' }));
    await untilReason(plane, 'a', 'Allocated');
    await untilReason(plane, 'b', 'Allocated');
    await kubectl(['create', '-f', '-'], aClaim('c', { pool: 'kubernetes' }));
    await untilReason(plane, 'c', 'QuotaExceeded');
    await kubectl(['delete', 'macallocation', 'a']);
    await untilReason(plane, 'c', 'Allocated');
  });
});

describe('the annotation of a Namespace that limits its addresses', () => {
  test('holds over all pools, and says who can raise it', async () => {
    await kubectl(['annotate', 'namespace', 'counted', 'mac.rock-os.io/max-addresses=1']);
    await eventually(
      async () => {
        await kubectl(['delete', 'pods', '--all', '-n', 'counted', '--grace-period=0', '--force']);
        await createPod('one', 'counted');
        await expect(createPod('two', 'counted')).rejects.toThrow('mac.rock-os.io/max-addresses');
      },
      { within: 30_000, every: 500 },
    );
    await kubectl(['create', '-n', 'counted', '-f', '-'], aClaim('claim', { pool: 'docker' }));
    const reason = [
      'get',
      'ma',
      'claim',
      '-n',
      'counted',
      '-o',
      'jsonpath={.status.conditions[?(@.type=="Ready")].reason}',
    ];
    await eventually(
      async () => {
        expect(await kubectl(reason)).toBe('QuotaExceeded');
      },
      { within: 20_000, every: 300 },
    );
  });

  test('is changed only by somebody who may use every pool, and is a number', async () => {
    const { plane } = installed();
    const kubeconfig = await plane.userKubeconfig('nora', []);
    const rules = [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'patch'] }];
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'ns' }, rules };
    await kubectl(['create', '-f', '-'], JSON.stringify(role));
    await kubectl(['create', 'clusterrolebinding', 'nora', '--clusterrole=ns', '--user=nora']);
    const annotate = (annotation: string) =>
      kubectl(['--kubeconfig', kubeconfig, 'annotate', '--overwrite', 'namespace', 'counted', annotation]);
    await eventually(() => annotate('note=1'), { within: 20_000, every: 200 });
    await expect(annotate('mac.rock-os.io/max-addresses=999')).rejects.toThrow('"nora" may not change annotation');
    await expect(annotate('mac.rock-os.io/max-addresses-')).rejects.toThrow('"nora" may not change annotation');
    await expect(
      kubectl(['annotate', '--overwrite', 'namespace', 'counted', 'mac.rock-os.io/max-addresses=many']),
    ).rejects.toThrow('is not a number of addresses');
  });
});

test('a reserved claim needs the verb reserve', async () => {
  const { plane } = installed();
  const kubeconfig = await plane.userKubeconfig('rita', []);
  await kubectl(['create', 'rolebinding', 'rita', '--clusterrole=edit', '--user=rita']);
  const create = (claim: string) => kubectl(['--kubeconfig', kubeconfig, 'create', '-f', '-'], claim);
  await eventually(() => create(aClaim('plain', { pool: 'development' })), { within: 20_000, every: 200 });
  await expect(create(aClaim('kept', { pool: 'development', reserved: true }))).rejects.toThrow(
    'User "rita" may not reserve addresses of MacPool "development"',
  );
  await kubectl(['create', 'clusterrole', 'reserver', '--verb=reserve', '--resource=macpools.mac.rock-os.io']);
  await kubectl(['create', 'rolebinding', 'rita-reserves', '--clusterrole=reserver', '--user=rita']);
  await eventually(() => create(aClaim('kept', { pool: 'development', reserved: true })), {
    within: 20_000,
    every: 200,
  });
});

test('creates that a ResourceQuota refuses after admission keep no address from others, and FREE counts what can be allocated', async () => {
  const pool = 'tiny';
  const spec = { first: 'a4:58:0f:60:00:00', last: 'a4:58:0f:60:00:07' };
  const definition = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name: pool }, spec };
  await kubectl(['create', '-f', '-'], JSON.stringify(definition));
  await kubectl(['wait', `macpool/${pool}`, '--for=condition=Ready', '--timeout=60s']);
  for (const namespace of ['refused', 'served']) {
    await kubectl(['create', 'namespace', namespace]);
    await kubectl(['label', 'namespace', namespace, 'mac.rock-os.io/inject=enabled']);
    await kubectl(['annotate', 'namespace', namespace, `mac.rock-os.io/pool=${pool}`]);
  }
  await kubectl(['create', 'quota', 'one', '--hard=pods=1', '-n', 'refused']);
  const template = {
    metadata: { labels: { app: 'web' }, annotations: { 'k8s.v1.cni.cncf.io/networks': networks } },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
  };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template },
  };
  await kubectl(['create', '-n', 'refused', '-f', '-'], JSON.stringify(deployment));
  await eventually(
    async () => {
      const failed = ['get', 'replicasets', '-n', 'refused', '-o', 'jsonpath={.items[*].status.conditions[*].message}'];
      expect(await kubectl(failed)).toContain('exceeded quota');
    },
    { within: 30_000, every: 300 },
  );
  const free = async () => Number(await kubectl(['get', 'macpool', pool, '-o', 'jsonpath={.status.free}']));
  // Each further try of the controller holds one for its lease, so the pool is empty for a while and says so.
  await eventually(
    async () => {
      expect(await free()).toBe(0);
      await expect(createPod('good', 'served')).rejects.toThrow('Pool tiny has no free address');
    },
    { within: 40_000, every: 500 },
  );
  const stats = async () => (await poolStats(installed().ledger)).find((each) => each.pool === pool);
  await whileLedgerIsAhead(installed().ledger, '3 minutes', () =>
    eventually(
      async () => {
        expect((await stats())?.released).toBeGreaterThan(4);
      },
      { within: 40_000, every: 500 },
    ),
  );
  // After ten minutes, however long the reuse delay of the pool is.
  await whileLedgerIsAhead(installed().ledger, '15 minutes', async () => {
    await eventually(() => createPod('good', 'served'), { within: 20_000, every: 500 });
  });
  await kubectl(['delete', 'deployment', 'web', '-n', 'refused']);
});
