import { describe, expect, test } from 'vitest';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import {
  addressesOf,
  aPod,
  auditOf,
  installedEnvOfThisFile,
  shownAllocations,
  untilNoAllocations,
} from './installed-env.ts';

const installed = installedEnvOfThisFile();
const REVIEWS = 'rockmac_admission_reviews_total';

async function create(manifest: string): Promise<string> {
  return await installed().plane.kubectl(['create', '-f', '-', '-o', 'name'], { input: manifest });
}

async function remove(...pods: string[]): Promise<void> {
  await installed().plane.kubectl(['delete', 'pod', ...pods]);
  await untilNoAllocations(installed().plane);
}

/** The template from which a controller creates pods. */
function aTemplate() {
  const { metadata, spec } = JSON.parse(aPod('unused', { networks: '[{"name":"blue"}]' })) as {
    metadata: { annotations: object };
    spec: object;
  };
  return { metadata: { annotations: metadata.annotations }, spec };
}

/** Waits until there are this many mirrors, and the ledger has bound the address of each. */
async function untilMirrored(count: number) {
  return await eventually(
    async () => {
      const { plane, ledger } = installed();
      const shown = await shownAllocations(plane);
      const bound = await listAddresses(ledger, { states: ['active'], kind: 'Pod' });
      expect(bound.map((row) => row.mac).sort()).toEqual(shown.map((each) => each.mac).sort());
      expect(shown).toHaveLength(count);
      return shown;
    },
    { within: 15_000, every: 100 },
  );
}

describe('a pod that asks for addresses', () => {
  test('has one on each network when it is stored, shows them, and releases them when it is deleted', async () => {
    const { plane, ledger } = installed();
    await create(aPod('web', { networks: '[{"name":"blue"},{"name":"storage","interface":"eth5"}]' }));
    const addresses = await addressesOf(plane, 'web');
    expect(addresses.map(({ network }) => network)).toEqual(['default/blue', 'default/storage']);
    const macs = addresses.map((address) => mac(address.mac));
    expect(new Set(macs).size).toBe(2);
    for (const each of macs) expect(each).toMatch(/^a4:58:0f:05:/);

    const mirrors = await untilMirrored(2);
    expect(mirrors.map(({ mac }) => mac).sort()).toEqual([...macs].sort());
    for (const { spec } of mirrors) expect(spec).toMatchObject({ pool: 'kubernetes', consumerRef: { name: 'web' } });

    await remove('web');
    for (const each of macs) {
      expect((await findByMac(ledger, each))?.state).toBe('released');
      const audit = await auditOf(ledger, each);
      expect(audit.map(({ action }) => action)).toEqual(['allocate', 'bind', 'release']);
      // The requester as the API server authenticated it, and the changes in their order.
      expect(audit[0]?.user).toBe('env-admin');
      expect(audit.map(({ actor }) => actor).slice(1)).toEqual(['rock-mac-operator', 'rock-mac-operator']);
      const times = audit.map(({ timestamp }) => timestamp.getTime());
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
  });

  test('may have no name yet: the pods of a ReplicaSet are recognized by the lease id of the webhook', async () => {
    const { plane, ledger } = installed();
    await plane.kubectl(['create', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: { name: 'many' },
        spec: {
          replicas: 3,
          selector: { matchLabels: { app: 'many' } },
          template: { ...aTemplate(), metadata: { ...aTemplate().metadata, labels: { app: 'many' } } },
        },
      }),
    });
    const mirrors = await untilMirrored(3);
    const macs = mirrors.map(({ mac }) => mac ?? '');
    expect(new Set(macs).size).toBe(3);
    const rows = await listAddresses(ledger, { states: ['active'], kind: 'Pod' });
    // The requester is the controller that created the pod.
    expect(rows[0]?.requester).toBe('system:serviceaccount:kube-system:replicaset-controller');
    await plane.kubectl(['delete', 'replicaset', 'many']);
    await untilNoAllocations(plane);
  });

  test('may belong to a Job, whose deletion releases the address', async () => {
    const { plane, ledger } = installed();
    await plane.kubectl(['create', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'batch' },
        spec: { template: { ...aTemplate(), spec: { ...aTemplate().spec, restartPolicy: 'Never' } } },
      }),
    });
    const [mirror] = await untilMirrored(1);
    const address = mac(mirror?.mac ?? '');
    expect(mirror?.spec.consumerRef?.name).toMatch(/^batch-/);
    expect((await findByMac(ledger, address))?.requester).toBe('system:serviceaccount:kube-system:job-controller');
    await plane.kubectl(['delete', 'job', 'batch']);
    await untilNoAllocations(plane);
    expect((await findByMac(ledger, address))?.state).toBe('released');
  });

  test('may belong to a StatefulSet: created again under its name it is another pod with another address', async () => {
    const { plane, ledger } = installed();
    await plane.kubectl(['create', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'set' },
        spec: {
          serviceName: 'set',
          selector: { matchLabels: { app: 'set' } },
          template: { ...aTemplate(), metadata: { ...aTemplate().metadata, labels: { app: 'set' } } },
        },
      }),
    });
    const [first] = await untilMirrored(1);
    expect(first?.spec.consumerRef?.name).toBe('set-0');
    await plane.kubectl(['delete', 'pod', 'set-0', '--grace-period=0', '--force']);
    await eventually(
      async () => {
        const [second] = await shownAllocations(plane);
        expect(second?.spec.consumerRef?.name).toBe('set-0');
        expect(second?.mac).not.toBe(first?.mac);
        const rows = await listAddresses(ledger, { states: ['active'], kind: 'Pod' });
        expect(rows.map((row) => row.mac)).toEqual([second?.mac]);
      },
      { within: 30_000, every: 200 },
    );
    await plane.kubectl(['delete', 'statefulset', 'set']);
    await untilNoAllocations(plane);
  });

  test('gets new addresses if it is a copy of a stored pod with its annotations', async () => {
    const { plane } = installed();
    await create(aPod('original', { networks: '[{"name":"blue"}]' }));
    const stored = JSON.parse(await plane.kubectl(['get', 'pod', 'original', '-o', 'json'])) as {
      metadata: { annotations: Record<string, string> };
    };
    await create(aPod('copy', { annotations: stored.metadata.annotations }));
    const [[original], [copy]] = [await addressesOf(plane, 'original'), await addressesOf(plane, 'copy')];
    expect(copy?.mac).not.toBe(original?.mac);
    await remove('original', 'copy');
  });

  test('may name a free address of its pool in any notation, and a second pod cannot get the same', async () => {
    const { plane } = installed();
    await create(aPod('chooser', { networks: '[{"name":"blue","mac":"A4-58-0F-05-77-01"}]' }));
    expect(await addressesOf(plane, 'chooser')).toEqual([{ network: 'default/blue', mac: 'a4:58:0f:05:77:01' }]);
    await expect(create(aPod('rival', { networks: '[{"name":"blue","mac":"a4580f057701"}]' }))).rejects.toThrow(
      /MAC a4:58:0f:05:77:01 on default\/blue#0 is held by another owner/,
    );
    await remove('chooser');
  });

  test('without any network gets its address in the annotation, with a warning', async () => {
    const { plane } = installed();
    // kubectl then exits with an error, but the pod is stored.
    const created = plane.kubectl(['create', '-f', '-', '--warnings-as-errors'], { input: aPod('plain') });
    await expect(created).rejects.toThrow(
      /Warning: rock-mac: this pod has no network to inject into; its address is in the annotation mac\.rock-os\.io\/addresses only/,
    );
    expect((await addressesOf(plane, 'plain')).map((each) => Object.keys(each))).toEqual([['mac']]);
    await remove('plain');
  });

  test('that ended releases its addresses before it is deleted', async () => {
    const { plane, ledger } = installed();
    await create(aPod('job', { networks: '[{"name":"blue"}]' }));
    const [address] = await addressesOf(plane, 'job');
    await untilMirrored(1);
    await plane.kubectl([
      'patch',
      'pod',
      'job',
      '--subresource=status',
      '--type=merge',
      '-p',
      '{"status":{"phase":"Succeeded"}}',
    ]);
    await untilNoAllocations(plane);
    expect((await findByMac(ledger, mac(address?.mac ?? '')))?.state).toBe('released');
    await plane.kubectl(['delete', 'pod', 'job']);
  });

  test('gets its mirror back when a user deletes it, and keeps its address', async () => {
    const { plane, ledger } = installed();
    await create(aPod('steady', { networks: '[{"name":"blue"}]' }));
    const [address] = await addressesOf(plane, 'steady');
    const [mirror] = await untilMirrored(1);
    await plane.kubectl(['delete', 'macallocation', mirror?.metadata.name ?? '']);
    const [again] = await untilMirrored(1);
    expect(again?.mac).toBe(address?.mac);
    expect((await auditOf(ledger, address?.mac ?? '')).map(({ action }) => action)).toEqual(['allocate', 'bind']);
    await remove('steady');
  });

  test('changes nothing in the ledger in a dry run', async () => {
    const { plane, ledger } = installed();
    const before = await listAddresses(ledger, { limit: 10_000 });
    await plane.kubectl(['create', '--dry-run=server', '-f', '-'], {
      input: aPod('tried', { networks: '[{"name":"blue"}]' }),
    });
    expect(await listAddresses(ledger, { limit: 10_000 })).toEqual(before);
  });
});

describe('a pod that the webhook has nothing to do with', () => {
  test.each([
    ['did not ask', {}, {}],
    ['said no', { 'mac.rock-os.io/inject': 'false' }, {}],
    ['is on the network of its host', { 'mac.rock-os.io/inject': 'true' }, { hostNetwork: true }],
  ])('because it %s, never reaches it', async (_, annotations, spec) => {
    const { plane, installation } = installed();
    const [webhook] = installation.webhooks;
    const before = await webhook?.metric(REVIEWS);
    const pod = JSON.parse(aPod('stranger')) as { metadata: { annotations?: object }; spec: object };
    pod.metadata.annotations = annotations;
    pod.spec = { ...pod.spec, ...spec };
    await create(JSON.stringify(pod));
    expect(await webhook?.metric(REVIEWS)).toBe(before);
    await plane.kubectl(['delete', 'pod', 'stranger', '--grace-period=0', '--force']);
    // Proves that the counter works: a pod that opts in increases it.
    await create(aPod('late'));
    expect(await webhook?.metric(REVIEWS)).toBe((before ?? 0) + 1);
    await remove('late');
  });

  test('because it is in kube-system, never reaches it', async () => {
    const { plane, installation } = installed();
    const before = await installation.webhooks[0]?.metric(REVIEWS);
    await plane.kubectl(['create', '-n', 'kube-system', '-f', '-'], { input: aPod('system') });
    expect(await installation.webhooks[0]?.metric(REVIEWS)).toBe(before);
    await plane.kubectl(['delete', '-n', 'kube-system', 'pod', 'system']);
  });
});
