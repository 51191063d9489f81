import { beforeAll, describe, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { listAudit } from '../../ledger/audit.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { aPod, installedEnvOfThisFile } from './installed-env.ts';

/*
 * Tests which annotation names the pool of an interface, and who may write it. Ann may use the pool production in namespace default,
 * and so may the ServiceAccount `runner`; Bob may use no pool.
 */

const installed = installedEnvOfThisFile();
const within = { within: 30_000, every: 200 };
const POOL = 'mac.rock-os.io/pool';
const GATED = 'mac.rock-os.io/gate-reason';
const PREFIX = {
  production: 'a4:58:0f:00:',
  development: 'a4:58:0f:01:',
  experiment: 'a4:58:0f:02:',
  kubernetes: 'a4:58:0f:05:',
};

const kubeconfigs = new Map<string, string>();

/** Runs kubectl as a user, or as an administrator. */
async function kubectl(args: readonly string[], input?: string | object, user?: string): Promise<string> {
  const as = user === undefined ? [] : ['--kubeconfig', kubeconfigs.get(user) ?? ''];
  const text = typeof input === 'object' ? JSON.stringify(input) : input;
  return await installed().plane.kubectl([...as, ...args], text === undefined ? {} : { input: text });
}

interface PodOptions {
  readonly pool?: string;
  readonly networks?: string;
  readonly user?: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly sticky?: boolean;
}

/** Creates a pod. Returns its addresses. */
async function createPod(name: string, options: PodOptions = {}): Promise<string[]> {
  const { pool, networks, user, namespace = 'default', serviceAccount, sticky = false } = options;
  const annotations = {
    ...(pool !== undefined && { [POOL]: pool }),
    ...(sticky && { 'mac.rock-os.io/sticky': 'true' }),
  };
  const pod = JSON.parse(aPod(name, { annotations, ...(networks !== undefined && { networks }) })) as { spec: object };
  Object.assign(pod.spec, serviceAccount !== undefined && { serviceAccountName: serviceAccount });
  return macsIn(await kubectl(['create', '-n', namespace, '-o', 'json', '-f', '-'], pod, user));
}

function macsIn(created: string): string[] {
  const { metadata } = JSON.parse(created) as { metadata: { annotations: Record<string, string> } };
  const addresses = JSON.parse(metadata.annotations['mac.rock-os.io/addresses'] ?? '[]') as { mac: string }[];
  return addresses.map((each) => each.mac);
}

function network(name: string, pool?: string): object {
  const config = JSON.stringify({ cniVersion: '1.0.0', name, type: 'bridge' });
  const annotations = pool === undefined ? {} : { [POOL]: pool };
  const kind = { apiVersion: 'k8s.cni.cncf.io/v1', kind: 'NetworkAttachmentDefinition' };
  return { ...kind, metadata: { name, annotations }, spec: { config } };
}

function machine(name: string, pool?: string): object {
  const interfaces = [
    { name: 'blue', bridge: {} },
    { name: 'red', bridge: {} },
  ];
  const networks = [
    { name: 'blue', multus: { networkName: 'fast' } },
    { name: 'red', multus: { networkName: 'default/plain' } },
  ];
  const annotations = { 'mac.rock-os.io/inject': 'true', ...(pool !== undefined && { [POOL]: pool }) };
  const spec = { runStrategy: 'Halted', template: { spec: { domain: { devices: { interfaces } }, networks } } };
  return { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', metadata: { name, annotations }, spec };
}

async function createMachine(name: string, options: { pool?: string; user?: string } = {}): Promise<string[]> {
  const path = 'jsonpath={.spec.template.spec.domain.devices.interfaces[*].macAddress}';
  const text = await kubectl(['create', '-o', path, '-f', '-'], machine(name, options.pool), options.user);
  return text.split(' ');
}

const from = (...pools: (keyof typeof PREFIX)[]) =>
  pools.map((pool) => expect.stringMatching(new RegExp(`^${PREFIX[pool]}`)) as string);

beforeAll(async () => {
  const { plane } = installed();
  await installForeignCrds(plane.kubectl);
  for (const user of ['ann', 'bob']) kubeconfigs.set(user, await plane.userKubeconfig(user, []));
  const rules = [
    { apiGroups: ['mac.rock-os.io'], resources: ['macpools'], resourceNames: ['production'], verbs: ['use'] },
  ];
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'use-production' },
  };
  await kubectl(['create', '-f', '-'], { ...role, rules });
  await kubectl([
    'create',
    'clusterrole',
    'author',
    '--verb=get,create,patch',
    '--resource=pods,pods/status,virtualmachines.kubevirt.io,network-attachment-definitions.k8s.cni.cncf.io',
  ]);
  await kubectl(['create', 'clusterrolebinding', 'authors', '--clusterrole=author', '--user=ann', '--user=bob']);
  await kubectl(['create', 'serviceaccount', 'runner']);
  await kubectl([
    'create',
    'rolebinding',
    'production',
    '--clusterrole=use-production',
    '--user=ann',
    '--serviceaccount=default:runner',
  ]);
  await kubectl(['create', 'namespace', 'lab']);
  await kubectl(['annotate', 'namespace', 'lab', `${POOL}=experiment`]);
  await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', 'lab']), within);
  for (const each of [network('fast', 'development'), network('plain')]) {
    await eventually(() => kubectl(['apply', '-f', '-'], each), within);
  }
  await eventually(() => createPod('first', { networks: 'plain' }), within);
});

describe('the pool of an interface', () => {
  test('is that of its network, so a pod may have addresses of several', async () => {
    const macs = await createPod('several', { networks: 'fast,plain', user: 'bob' });
    expect(macs).toEqual(from('development', 'kubernetes'));
    const row = await findByMac(installed().ledger, mac(macs[0] ?? ''));
    expect(row).toMatchObject({ pool: 'development', owner: { name: 'several' } });
    const history = await listAudit(installed().ledger, { mac: mac(macs[0] ?? ''), limit: 10 });
    expect(history.map(({ reason }) => reason)).toContainEqual(
      expect.stringMatching(/^admission.*; pool named by annotation mac.rock-os.io\/pool of network default\/fast$/),
    );
    await eventually(async () => {
      const shown = await kubectl([
        'get',
        'macallocations',
        '-o',
        'jsonpath={.items[?(@.spec.consumerRef.name=="several")].spec.pool}',
      ]);
      expect(shown.split(' ').toSorted()).toEqual(['development', 'kubernetes']);
    }, within);
  });

  test('is that of the pod, before those of its networks and its namespace', async () => {
    expect(await createPod('own', { pool: 'production', networks: 'fast,plain', user: 'ann' })).toEqual(
      from('production', 'production'),
    );
    expect(await createPod('own', { pool: 'development', namespace: 'lab', networks: 'default/plain' })).toEqual(
      from('development'),
    );
  });

  test('is that of the namespace where neither names one', async () => {
    expect(await createPod('quiet', { namespace: 'lab', networks: 'default/plain' })).toEqual(from('experiment'));
  });

  test('is the same for a virtual machine', async () => {
    expect(await createMachine('machine', { user: 'bob' })).toEqual(from('development', 'kubernetes'));
    expect(await createMachine('own-machine', { pool: 'production', user: 'ann' })).toEqual(
      from('production', 'production'),
    );
  });

  test('does not change for a name that has an address, and the author is warned', async () => {
    const before = await createPod('named', { networks: 'plain', sticky: true });
    await eventually(async () => {
      const shown = await kubectl([
        'get',
        'macallocations',
        '-o',
        'jsonpath={.items[?(@.spec.stickyFor.name=="named")].spec.mac}',
      ]);
      expect(shown).toBe(before[0]);
    }, within);
    await kubectl(['delete', 'pod', 'named', '--force', '--grace-period=0']);
    await eventually(async () => {
      expect(await createPod('named', { networks: 'plain', sticky: true, pool: 'production' })).toEqual(before);
    }, within);
  });
});

describe('a pool that the annotation of an object names', () => {
  const refused =
    /Pool production, which annotation mac.rock-os.io\/pool of this (Pod|VirtualMachine) names, may be used neither/;

  test('needs the right to use it, of the author or of the ServiceAccount of the pod', async () => {
    await expect(createPod('thief', { pool: 'production', networks: 'plain', user: 'bob' })).rejects.toThrow(refused);
    await expect(createMachine('thief', { pool: 'production', user: 'bob' })).rejects.toThrow(refused);
    const options = { pool: 'production', networks: 'plain', user: 'bob', serviceAccount: 'runner' };
    expect(await createPod('runs-as', options)).toEqual(from('production'));
  });

  test('needs no right if it is that of the namespace', async () => {
    const options = { pool: 'experiment', namespace: 'lab', networks: 'default/plain', user: 'bob' };
    expect(await createPod('same', options)).toEqual(from('experiment'));
  });

  test('needs it in the namespace of the object, also if the network of another namespace names it', async () => {
    const options = { namespace: 'lab', networks: 'default/fast', user: 'ann' };
    await expect(createPod('elsewhere', options)).rejects.toThrow(
      /Pool development, which annotation mac.rock-os.io\/pool of network default\/fast names, may be used neither.*in namespace lab/s,
    );
    await expect(createPod('elsewhere', { ...options, pool: 'production' })).rejects.toThrow(/may be used neither/);
  });

  test('is named in the refusal if it does not exist', async () => {
    await expect(createPod('typo', { pool: 'no-such-pool', networks: 'plain' })).rejects.toThrow(
      /Pool no-such-pool, which annotation mac.rock-os.io\/pool of this Pod names, does not exist in the ledger/,
    );
  });

  test('is still that of a pod that waited for the ledger, and nobody can change it meanwhile', async () => {
    const { ledgerProxy } = installed();
    await ledgerProxy.cut();
    try {
      await eventually(async () => {
        await createPod('waits', { pool: 'production', networks: 'plain', user: 'ann' });
      }, within);
      for (const subresource of [[], ['--subresource=status']]) {
        const body = JSON.stringify({ metadata: { annotations: { [POOL]: 'experiment' } } });
        const cheat = kubectl(['patch', 'pod', 'waits', ...subresource, '--type=merge', '-p', body], undefined, 'bob');
        await expect(cheat).rejects.toThrow('User "bob" may not use MacPool "experiment"');
      }
      await kubectl(['annotate', 'pod', 'waits', 'note=1'], undefined, 'bob');
    } finally {
      await ledgerProxy.heal();
    }
    const get = async (name: string) => await kubectl(['get', 'pod', name, '-o', 'json']);
    await eventually(async () => {
      expect(macsIn(await get('waits'))).toEqual(from('production'));
    }, within);
    expect(await get('waits')).not.toContain(GATED);
  });
});

describe('a stored virtual machine', () => {
  const macsOf = async (name: string) => {
    const path = 'jsonpath={.spec.template.spec.domain.devices.interfaces[*].macAddress}';
    return (await kubectl(['get', 'virtualmachine', name, '-o', path])).split(' ').filter((each) => each !== '');
  };
  const start = (name: string, user?: string) =>
    kubectl(
      ['patch', 'virtualmachine', name, '--type=merge', '-p', '{"spec":{"runStrategy":"Always"}}'],
      undefined,
      user,
    );
  const annotate = (name: string, user: string) =>
    kubectl(['annotate', 'virtualmachine', name, '--overwrite', `${POOL}=production`], undefined, user);
  /** Stores a machine without addresses: the webhook was not asked when it was created. */
  const createUnseen = async (name: string) => {
    const { metadata, ...rest } = machine(name) as { metadata: { annotations: object } };
    await kubectl(['create', '-f', '-'], { ...rest, metadata: { ...metadata, annotations: {} } }, 'bob');
    await kubectl(['annotate', 'virtualmachine', name, 'mac.rock-os.io/inject=true']);
    expect(await macsOf(name)).toEqual([]);
  };

  test('gets no address of a pool that its author may not use, whoever starts it', async () => {
    await createUnseen('stored');
    await expect(annotate('stored', 'bob')).rejects.toThrow(
      'User "bob" may not use MacPool "production", which annotation mac.rock-os.io/pool gives to this object',
    );
    const { metadata, ...rest } = machine('unseen', 'production') as { metadata: { annotations: object } };
    const unseen = { ...rest, metadata: { ...metadata, annotations: { [POOL]: 'production' } } };
    await expect(kubectl(['create', '-f', '-'], unseen, 'bob')).rejects.toThrow('may not use MacPool "production"');
    await start('stored');
    expect(await macsOf('stored')).toEqual(from('development', 'kubernetes'));
  });

  test('gets the addresses of the pool that its author named, also if nobody who may use it starts it', async () => {
    await createUnseen('annotated');
    await annotate('annotated', 'ann');
    await start('annotated', 'bob');
    expect(await macsOf('annotated')).toEqual(from('production', 'production'));
  });
});

test('only somebody who may use a pool writes it into a NetworkAttachmentDefinition', async () => {
  const write = (user: string, pool: string) => kubectl(['create', '-f', '-'], network(`of-${user}`, pool), user);
  await expect(write('bob', 'production')).rejects.toThrow(
    'User "bob" may not use MacPool "production", which annotation mac.rock-os.io/pool gives to the objects on this network',
  );
  await expect(write('ann', 'development')).rejects.toThrow('may not use MacPool "development"');
  await write('ann', 'production');
  await kubectl(['annotate', 'network-attachment-definition', 'of-ann', 'note=1'], undefined, 'bob');
  expect(await createPod('on-it', { networks: 'of-ann', user: 'bob' })).toEqual(from('production'));
});
