import { CoreV1Api } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { withClient } from '../env/postgres/databases.ts';
import {
  eventually,
  freshDatabase,
  freshNamespace,
  kubeConfig,
  sharedIdentities,
  sharedKubectl,
  sharedTestEnv,
} from '../env/testing.ts';

const numbers = {
  name: 'template_numbers',
  prepare: (url: string) =>
    withClient(url, (client) => client.query('create table numbers as select generate_series(1, 10) as n')),
};

describe('the test environment that a test run shares', () => {
  it('creates a namespace for a test, with its default ServiceAccount', async () => {
    const core = kubeConfig().makeApiClient(CoreV1Api);
    const [one, two] = await Promise.all([freshNamespace({ labels: { colour: 'red' } }), freshNamespace()]);
    expect(one.name).not.toBe(two.name);
    expect((await core.readNamespace({ name: one.name })).metadata?.labels?.['colour']).toBe('red');
    await eventually(() => core.readNamespacedServiceAccount({ namespace: one.name, name: 'default' }));
    await Promise.all([one.remove(), two.remove()]);
    await eventually(() => expect(core.readNamespace({ name: one.name })).rejects.toMatchObject({ code: 404 }));
  });

  it('creates a database for a test, as a copy of a template that is created once', async () => {
    const databases = await Promise.all([1, 2, 3].map(() => freshDatabase({ template: numbers })));
    const [first, second] = databases;
    if (first === undefined || second === undefined) throw new Error('three databases were asked for');
    await withClient(first.url, (client) => client.query('delete from numbers'));
    const kept = await withClient(second.url, (client) => client.query('select count(*)::int as kept from numbers'));
    expect(kept.rows).toEqual([{ kept: 10 }]);
    await Promise.all(databases.map((database) => database.remove()));
    await expect(withClient(first.url, (client) => client.query('select 1'))).rejects.toMatchObject({ code: '3D000' });
  });

  it('creates a migrated ledger for a test, with the settings of its database', async () => {
    const database = await freshDatabase({ migrate: true });
    const pools = await withClient(database.url, (client) => client.query('select name from pools'));
    expect(pools.rows).toHaveLength(7);
    await database.remove();
  });

  it('creates users whose rights RBAC decides', async () => {
    const namespace = await freshNamespace();
    const { userKubeconfig, serviceAccountKubeconfig } = sharedIdentities();
    const alice = kubeConfig(await userKubeconfig('alice', ['developers'])).makeApiClient(CoreV1Api);
    await expect(alice.listNamespace()).rejects.toMatchObject({ code: 403 });
    await eventually(() => serviceAccountKubeconfig(namespace.name, 'default'));
    await sharedKubectl()(['-n', namespace.name, 'create', 'rolebinding', 'all', '--clusterrole=view', '--user=alice']);
    await eventually(() => alice.listNamespacedPod({ namespace: namespace.name }));
    await namespace.remove();
  });

  it('creates an empty database if no template is given', async () => {
    const database = await freshDatabase();
    const tables = await withClient(database.url, (client) =>
      client.query("select from pg_tables where schemaname = 'public'"),
    );
    expect(tables.rowCount).toBe(0);
    await database.remove();
  });

  it('returns the URLs and paths of its components', () => {
    expect(sharedTestEnv().apiUrl).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  });
});
