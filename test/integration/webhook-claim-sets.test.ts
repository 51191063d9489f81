import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { addressesOf, aPod, installedEnvOfThisFile, untilNoAllocations, whileLedgerIsAhead } from './installed-env.ts';
import { annotatedPods } from './pod-kind.ts';

const installed = installedEnvOfThisFile();
const SELECTOR = 'mac.rock-os.io/allocation-selector';
const ALLOCATION = 'mac.rock-os.io/allocation';
const namespace = 'default';
let client: KubeClient;

beforeAll(() => {
  const { kubeconfig } = installed().plane;
  client = createKubeClient({ userAgent: 'test', kubeconfig, logger: pino({ enabled: false }) });
});

afterAll(() => client.close());

beforeEach(async () => {
  const { plane } = installed();
  await plane.kubectl(['delete', 'deployments', '--all']);
  await plane.kubectl(['delete', 'pods', '--all', '--grace-period=0', '--force']);
  await plane.kubectl(['delete', 'macallocations', '--all', '--wait=false']);
  await untilNoAllocations(plane);
});

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

/** Creates claims `lic-1` to `lic-N` with these labels. Returns their addresses. */
async function claims(count: number, labels: Record<string, string> = { app: 'licensed' }, prefix = 'lic') {
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${String(index + 1)}`);
  for (const name of names) {
    await client.create(macAllocations, { metadata: { name, namespace, labels }, spec: { pool: 'production' } });
  }
  return await eventually(
    async () => {
      const found = await Promise.all(names.map((name) => client.get(macAllocations, { namespace, name })));
      return found.map(({ status }) => {
        if (status?.mac === undefined) throw new Error('a claim has no address yet');
        return status.mac;
      });
    },
    { within: 30_000 },
  );
}

type PodOptions = NonNullable<Parameters<typeof aPod>[1]>;

function selecting(selector: string, options: PodOptions = {}): PodOptions {
  return { networks: 'blue', ...options, annotations: { [SELECTOR]: selector, ...options.annotations } };
}

async function createPod(name: string, options: PodOptions): Promise<string> {
  return await kubectl(['create', '-f', '-', '-o', 'name'], aPod(name, options));
}

async function macsOf(pod: string): Promise<string[]> {
  return (await addressesOf(installed().plane, pod)).map((address) => address.mac);
}

describe('pods that select claims', () => {
  test('share them: of 50 that are created at once, 20 get one of 20 claims each, and the others learn why not', async () => {
    const addresses = await claims(20);
    const { metadata, ...pod } = z
      .looseObject({ metadata: z.looseObject({}) })
      .parse(JSON.parse(aPod('unused', selecting('app=licensed'))));
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) =>
        client.create(
          annotatedPods,
          { ...pod, metadata: { ...metadata, name: `many-${String(index)}`, namespace } },
          { attempts: 1 },
        ),
      ),
    );
    const created = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const used = await Promise.all(created.map(({ metadata: { name } }) => macsOf(name)));
    expect(used.flat().sort()).toEqual([...addresses].sort());
    const refusals = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
    expect(refusals).toHaveLength(30);
    for (const refusal of refusals) {
      expect(refusal).toMatch(
        /Too few MacAllocations of namespace default with the labels app=licensed are unused: 1 wanted, 20 there, 20 in use\.\nCreate more of them, or try again when one is unused/,
      );
    }
    // Each claim shows its user.
    await eventually(
      async () => {
        const { items } = await client.list(macAllocations, { namespace, labelSelector: 'app=licensed' });
        expect(items.map(({ status }) => status?.consumer?.name).sort()).toEqual(
          created.map(({ metadata: { name } }) => name).sort(),
        );
      },
      { within: 20_000 },
    );
  });

  test('get one for each interface, or none at all', async () => {
    const addresses = await claims(3);
    const networks = '[{"name":"blue"},{"name":"red"}]';
    await createPod('wide', selecting('app=licensed', { networks }));
    expect((await macsOf('wide')).sort()).toEqual([...addresses].sort().slice(0, 2));
    const second = createPod('wider', selecting('app=licensed', { networks }));
    await expect(second).rejects.toThrow(/\(Conflict\).*2 wanted, 3 there, 2 in use/s);
    await createPod('narrow', selecting('app=licensed'));
  });

  test('get the claim of a pod that was deleted', async () => {
    const [address] = await claims(1);
    await createPod('one', selecting('app=licensed'));
    await expect(createPod('two', selecting('app=licensed'))).rejects.toThrow(/1 there, 1 in use/);
    await kubectl(['delete', 'pod', 'one', '--grace-period=0', '--force']);
    await eventually(() => createPod('two', selecting('app=licensed')), { within: 20_000, every: 200 });
    expect(await macsOf('two')).toEqual([address]);
  });

  test('may use every form of a label selector', async () => {
    const [old, fresh] = [
      (await claims(1, { app: 'licensed', tier: 'old' }, 'old'))[0],
      (await claims(1, { app: 'licensed', tier: 'new', special: '' }, 'new'))[0],
    ];
    const dryRun = (selector: string) => createPod('form', selecting(selector));
    await expect(dryRun('app=none')).rejects.toThrow(
      /ServiceUnavailable.*no MacAllocation with the labels app=none.*Create/s,
    );
    await createPod('a', selecting('app in (licensed, other),tier notin (old),special'));
    expect(await macsOf('a')).toEqual([fresh]);
    await createPod('b', selecting('!special,tier!=new,app'));
    expect(await macsOf('b')).toEqual([old]);
  });

  test.each([
    ['is no label selector', selecting('app in licensed'), /is not a label selector: .*Correct "app in licensed"/s],
    [
      'is joined with a claim',
      selecting('app=x', { annotations: { [ALLOCATION]: 'lic-1' } }),
      /cannot be combined with mac.rock-os.io\/allocation/,
    ],
    ['is very long', selecting(`app in (${'x,'.repeat(600)}y)`), /longer than 1024 characters/],
    [
      'is on a pod without an interface for it',
      selecting('app=x', {
        networks: '[]',
        annotations: { 'k8s.v1.cni.cncf.io/networks': '[{"name":"blue","mac":"02:00:00:00:00:01"}]' },
      }),
      /no interface for it/,
    ],
  ])('are refused as invalid if their selector %s', async (_, options, message) => {
    const refused = createPod('bad', options);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(/request is invalid/);
  });

  test('never get a claim that is being deleted, or has no address', async () => {
    const [address] = await claims(2);
    const holdBack = JSON.stringify({ metadata: { finalizers: ['example.com/hold', 'mac.rock-os.io/release'] } });
    await kubectl(['patch', 'macallocation', 'lic-2', '--type=merge', '-p', holdBack]);
    await kubectl(['delete', 'macallocation', 'lic-2', '--wait=false']);
    await client.create(macAllocations, {
      metadata: { name: 'poor', namespace, labels: { app: 'licensed' } },
      spec: { pool: 'laboratory' },
    });
    try {
      await createPod('one', selecting('app=licensed'));
      expect(await macsOf('one')).toEqual([address]);
      const second = createPod('two', selecting('app=licensed'));
      await expect(second).rejects.toThrow(/2 there, 1 in use, 1 without an address/);
    } finally {
      const noFinalizers = '[{"op":"remove","path":"/metadata/finalizers"}]';
      await kubectl(['patch', 'macallocation', 'lic-2', '--type=json', '-p', noFinalizers]);
    }
  });

  test('that fail after the webhook keep a claim for a minute: for their own name at once, for others then', async () => {
    const { ledger } = installed();
    const [address] = await claims(1);
    await kubectl(['create', 'quota', 'none', '--hard=pods=0']);
    try {
      await expect(createPod('unlucky', selecting('app=licensed'))).rejects.toThrow(/quota/);
      expect((await findByMac(ledger, mac(address ?? '')))?.consumer?.name).toBe('unlucky');
      await expect(createPod('unlucky', selecting('app=licensed'))).rejects.toThrow(/quota/);
    } finally {
      await kubectl(['delete', 'quota', 'none']);
    }
    await expect(createPod('other', selecting('app=licensed'))).rejects.toThrow(/1 there, 1 in use/);
    await whileLedgerIsAhead(ledger, '61 seconds', async () => {
      await eventually(() => createPod('other', selecting('app=licensed')), { within: 40_000, every: 500 });
    });
    expect(await macsOf('other')).toEqual([address]);
  });
});

const replicaSetSchema = z.object({
  metadata: objectMeta,
  status: z
    .object({ conditions: z.array(z.object({ type: z.string(), message: z.string().default('') })).default([]) })
    .optional(),
});
const replicaSets: Resource<z.infer<typeof replicaSetSchema>> = {
  group: 'apps',
  version: 'v1',
  plural: 'replicasets',
  kind: 'ReplicaSet',
  namespaced: true,
  schema: replicaSetSchema,
};

describe('a Deployment that selects claims', () => {
  const aDeployment = (version: string, strategy: object = {}, replicas = 2) => {
    const labels = { app: 'web' };
    const pod = z
      .looseObject({ metadata: z.looseObject({ annotations: z.looseObject({}) }), spec: z.looseObject({}) })
      .parse(JSON.parse(aPod('unused', selecting('app=licensed'))));
    const annotations = { ...pod.metadata.annotations, version };
    const spec = {
      replicas,
      strategy,
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: pod.spec },
    };
    return JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec });
  };

  /** There is no kubelet, so the test says that the pods run. */
  async function markReady(): Promise<readonly string[]> {
    const { items } = await client.list(annotatedPods, { namespace, labelSelector: 'app=web' });
    const living = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    for (const { metadata } of living) {
      const patch = ['patch', 'pod', metadata.name, '--subresource=status', '--type=merge'];
      await kubectl([...patch, '-p', JSON.stringify({ status })]).catch(() => undefined);
    }
    return living.map(({ metadata }) => metadata.annotations?.['version'] ?? '');
  }

  async function untilRolledOut(version: string): Promise<void> {
    await eventually(
      async () => {
        expect(await markReady()).toEqual([version, version]);
      },
      { within: 60_000, every: 300 },
    );
  }

  test('rolls out with one claim more than replicas, waits with fewer, and says so', async () => {
    const addresses = await claims(2);
    await kubectl(['apply', '-f', '-'], aDeployment('1'));
    await untilRolledOut('1');
    await kubectl(['apply', '-f', '-'], aDeployment('2'));
    await eventually(
      async () => {
        await markReady();
        const sets = await client.list(replicaSets, { namespace });
        const messages = sets.items.flatMap(({ status }) => status?.conditions.map(({ message }) => message) ?? []);
        expect(messages.join('\n')).toMatch(/1 wanted, 2 there, 2 in use/);
      },
      { within: 30_000, every: 300 },
    );
    expect(new Set(await markReady())).toEqual(new Set(['1']));
    addresses.push(...(await claims(1, { app: 'licensed' }, 'more')));
    await untilRolledOut('2');
    const { items } = await client.list(annotatedPods, { namespace, labelSelector: 'app=web' });
    const used = (await Promise.all(items.map(({ metadata: { name } }) => macsOf(name)))).flat();
    expect(new Set(used).size).toBe(2);
    expect(addresses).toEqual(expect.arrayContaining(used));
  }, 180_000);

  test('is warned how many claims a rollout needs, unless its strategy needs no more than replicas', async () => {
    // kubectl then fails with the warning as its error.
    const warned = (strategy: object, replicas?: number) =>
      kubectl(['apply', '--dry-run=server', '--warnings-as-errors', '-f', '-'], aDeployment('1', strategy, replicas));
    const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
      rollingUpdate: { maxSurge, maxUnavailable },
    });
    await expect(warned({}, 2)).rejects.toThrow(/waits for ever if fewer than 3 claims have these labels/);
    await expect(warned(rolling('50%', 0), 5)).rejects.toThrow(/fewer than 8 claims/);
    await expect(warned(rolling(2, '10%'), 9)).rejects.toThrow(/fewer than 11 claims/);
    for (const strategy of [{ type: 'Recreate' }, rolling(0, 1), rolling(1, 1), rolling('25%', '50%')]) {
      await warned(strategy, 2);
    }
    await warned({}, 4);
  });
});

const machineSchema = z.looseObject({
  metadata: objectMeta,
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({
        domain: z.looseObject({
          devices: z.looseObject({
            interfaces: z.array(z.looseObject({ name: z.string(), macAddress: z.string().optional() })),
          }),
        }),
      }),
    }),
  }),
});
const machines: Resource<z.infer<typeof machineSchema>> = {
  group: 'kubevirt.io',
  version: 'v1',
  plural: 'virtualmachines',
  kind: 'VirtualMachine',
  namespaced: true,
  schema: machineSchema,
};

test('a virtual machine that selects claims gets one for each interface, also for one that is added later', async () => {
  const { plane } = installed();
  await installForeignCrds(plane.kubectl);
  const addresses = (await claims(3)).toSorted();
  const spec = (...names: readonly string[]) => ({
    runStrategy: 'Halted',
    template: {
      spec: {
        domain: { devices: { interfaces: names.map((name) => ({ name, bridge: {} })) } },
        networks: names.map((name) => ({ name, multus: { networkName: name } })),
      },
    },
  });
  const annotations = { [SELECTOR]: 'app=licensed', 'mac.rock-os.io/inject': 'true' };
  const key = { namespace, name: 'machine' };
  const object = { metadata: { ...key, annotations }, spec: spec('blue', 'red') };
  await eventually(() => client.create(machines, object), { within: 30_000 });
  const macsOfMachine = async () => {
    const { interfaces } = (await client.get(machines, key)).spec.template.spec.domain.devices;
    return interfaces.map(({ macAddress }) => macAddress);
  };
  expect(await macsOfMachine()).toEqual(addresses.slice(0, 2));
  await client.patch(machines, key, { type: 'merge', body: { spec: spec('blue', 'red', 'green') } });
  expect(await macsOfMachine()).toEqual(addresses);
  const fourth = client.patch(machines, key, { type: 'merge', body: { spec: spec('blue', 'red', 'green', 'grey') } });
  await expect(fourth).rejects.toThrow(/1 wanted, 3 there, 3 in use/);
  await client.delete(machines, key);
  // The operator may not have seen the third interface: then its claim is free after the lease of a minute.
  await eventually(() => createPod('heir', selecting('app=licensed')), { within: 90_000, every: 500 });
  expect(addresses).toEqual(expect.arrayContaining(await macsOf('heir')));
}, 150_000);

test('a pod may be applied together with the claims that it selects', async () => {
  let refused = 0;
  for (let n = 0; n < 8; n++) {
    const name = `set-${String(n)}`;
    const claim = {
      apiVersion: 'mac.rock-os.io/v1alpha1',
      kind: 'MacAllocation',
      metadata: { name, labels: { set: name } },
      spec: { pool: 'production' },
    };
    const pod: unknown = JSON.parse(aPod(name, selecting(`set=${name}`)));
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [claim, pod] });
    await kubectl(['apply', '-f', '-'], list).catch((error: unknown) => {
      refused++;
      expect(String(error)).toMatch(/1 without an address/);
    });
  }
  expect(refused).toBe(0);
});

test('a pod may be applied together with its claim', async () => {
  let refused = 0;
  for (let n = 0; n < 8; n++) {
    const name = `fresh-${String(n)}`;
    const claim = {
      apiVersion: 'mac.rock-os.io/v1alpha1',
      kind: 'MacAllocation',
      metadata: { name },
      spec: { pool: 'production' },
    };
    const pod: unknown = JSON.parse(aPod(name, { networks: 'blue', annotations: { [ALLOCATION]: name } }));
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [claim, pod] });
    await kubectl(['apply', '-f', '-'], list).catch((error: unknown) => {
      refused++;
      expect(String(error)).toMatch(/not ready/);
    });
  }
  expect(refused).toBe(0);
});
