import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { ANNOTATIONS, OPERATOR_PODS_POLICY, SCHEDULING_GATE, SCHEDULING_GATES_POLICY } from '../../api/names.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import type { JsonPatchOperation } from '../../kube/client/json-patch.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { LEDGER_IS_AWAY } from '../../webhook/scheduling-gate/gate-patch.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, aPod, auditOf, installedEnvOfThisFile, shownAllocations, untilReason } from './installed-env.ts';

/*
 * Tests what happens to pods that are created while the ledger cannot be reached: the webhook stores them with a scheduling
 * gate, and the operator lifts it when the ledger is back.
 */

const installed = installedEnvOfThisFile();
const within = { within: 40_000, every: 100 };

const schema = z.object({
  metadata: objectMeta,
  spec: z.looseObject({ schedulingGates: z.array(z.object({ name: z.string() })).default([]) }),
});
type GatedPod = z.infer<typeof schema>;
const pods: Resource<GatedPod> = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true, schema };
const events: Resource<{
  metadata: z.infer<typeof objectMeta>;
  reason?: string | undefined;
  note?: string | undefined;
}> = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
  schema: z.object({ metadata: objectMeta, reason: z.string().optional(), note: z.string().optional() }),
};

let admin: KubeClient;
let ann: KubeClient;
let operator: KubeClient;

beforeAll(async () => {
  const { plane } = installed();
  const logger = pino({ enabled: false });
  admin = createKubeClient({ userAgent: 'test', kubeconfig: plane.kubeconfig, logger });
  const asAnn = { user: 'ann', groups: ['system:masters'] };
  ann = createKubeClient({ userAgent: 'test', kubeconfig: plane.kubeconfig, logger, impersonate: asAnn });
  const operatorConfig = await plane.serviceAccountKubeconfig('rock-mac-system', 'rock-mac-operator');
  operator = createKubeClient({ userAgent: 'test', kubeconfig: operatorConfig, logger });
  const pool = { first: 'a4:58:0f:20:00:00', last: 'a4:58:0f:20:00:00', reuseDelay: '1h' };
  const tiny = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name: 'tiny' }, spec: pool };
  await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(tiny) });
  await plane.kubectl(['create', 'namespace', 'small']);
  await plane.kubectl(['annotate', 'namespace', 'small', `${ANNOTATIONS.pool}=tiny`]);
  await eventually(() => create('first'), within);
});

afterAll(async () => {
  await Promise.all([admin.close(), ann.close(), operator.close()]);
});

type PodOptions = Parameters<typeof aPod>[1] & {
  readonly spec?: object;
  readonly metadata?: object;
  readonly namespace?: string;
  readonly client?: KubeClient;
};

async function create(name: string, { spec, metadata, namespace = 'default', client = ann, ...rest }: PodOptions = {}) {
  const manifest = JSON.parse(aPod(name, { networks: 'blue', ...rest })) as NewObject & { spec: object };
  const pod = { ...manifest, metadata: { ...manifest.metadata, ...metadata }, spec: { ...manifest.spec, ...spec } };
  return await client.create(pods, pod, { namespace, attempts: 1 });
}

async function read(name: string, namespace = 'default'): Promise<GatedPod> {
  return await admin.get(pods, { namespace, name });
}

function macOf({ metadata }: GatedPod): string | undefined {
  return /"mac":"([0-9a-f:]{17})"/.exec(metadata.annotations?.[NETWORKS_ANNOTATION] ?? '')?.[1];
}

function expectGated(pod: GatedPod): void {
  expect(pod.spec.schedulingGates).toContainEqual({ name: SCHEDULING_GATE });
  expect(pod.metadata.annotations).toMatchObject({ [ANNOTATIONS.gateReason]: LEDGER_IS_AWAY });
  expect(pod.metadata.annotations?.[ANNOTATIONS.gateToken]).toMatch(/^v1\./);
}

/** Waits until a pod has its addresses and not our gate. Returns its address. */
async function untilFilled(name: string, namespace = 'default'): Promise<string> {
  return await eventually(async () => {
    const pod = await read(name, namespace);
    const address = macOf(pod);
    expect(pod.spec.schedulingGates).not.toContainEqual({ name: SCHEDULING_GATE });
    expect(pod.metadata.annotations).not.toHaveProperty(ANNOTATIONS.gateToken);
    expect(pod.metadata.annotations).not.toHaveProperty(ANNOTATIONS.gateReason);
    if (address === undefined) throw new Error(`${name} has no address: ${JSON.stringify(pod.metadata.annotations)}`);
    return address;
  }, within);
}

async function untilBound(address: string): Promise<void> {
  const { plane, ledger } = installed();
  await eventually(async () => {
    expect((await shownAllocations(plane)).map(({ spec }) => spec.mac)).toContain(address);
    expect((await findByMac(ledger, mac(address)))?.state).toBe('active');
  }, within);
}

async function reasonOf(name: string, namespace: string): Promise<string | undefined> {
  return (await read(name, namespace)).metadata.annotations?.[ANNOTATIONS.gateReason];
}

/** Cuts the ledger off and waits until the webhook knows. */
async function whileLedgerIsAway<T>(work: () => Promise<T>): Promise<T> {
  const { ledgerProxy } = installed();
  await ledgerProxy.cut();
  try {
    return await work();
  } finally {
    await ledgerProxy.heal();
  }
}

describe('pods that are created while the ledger is away', () => {
  test('all wait, and get one address each when it is back, in the name of their author', async () => {
    const { plane, ledger } = installed();
    await plane.kubectl(['create', '-f', '-'], { input: aClaim('mine', { pool: 'development' }) });
    const claimed = (await untilReason(plane, 'mine', 'Allocated')).status?.mac;
    const requested = 'a4:58:0f:05:77:01';
    const names = await whileLedgerIsAway(async () => {
      const named = await Promise.all(Array.from({ length: 10 }, (_, index) => create(`away-${String(index)}`)));
      const generated = await Promise.all(
        Array.from({ length: 10 }, () => create('', { metadata: { name: undefined, generateName: 'set-' } })),
      );
      const asking = await create('asking', { networks: JSON.stringify([{ name: 'blue', mac: requested }]) });
      const ofClaim = await create('claiming', { annotations: { [ANNOTATIONS.allocation]: 'mine' } });
      const other = { name: 'example.com/other' };
      const gatedTwice = await create('twice', { spec: { schedulingGates: [other] } });
      expect(gatedTwice.spec.schedulingGates).toContainEqual(other);
      const daemon = await create('daemon', { spec: { affinity: { nodeAffinity: {} } } });
      const all = [...named, ...generated, asking, ofClaim, gatedTwice, daemon];
      for (const pod of all) expectGated(pod);
      return all.map(({ metadata }) => metadata.name);
    });
    const macs = await Promise.all(names.map((name) => untilFilled(name)));
    expect(new Set(macs).size).toBe(names.length);
    expect(macs[names.indexOf('asking')]).toBe(requested);
    expect(macs[names.indexOf('claiming')]).toBe(claimed);
    expect((await read('twice')).spec.schedulingGates).toEqual([{ name: 'example.com/other' }]);
    for (const address of macs.filter((each) => each !== claimed)) {
      await untilBound(address);
      const [entry] = await auditOf(ledger, address);
      expect(entry).toMatchObject({
        user: 'ann',
        reason: expect.stringMatching(/^admission at 20.*away$/) as string,
      });
    }
    const held = await listAddresses(ledger, { pool: 'kubernetes', states: ['pending', 'active'], limit: 1_000 });
    expect(held.map(({ owner }) => owner?.name)).toEqual(expect.arrayContaining(names.filter((n) => n !== 'claiming')));
    // One address each, and one for the pod of the set-up.
    expect(held).toHaveLength(names.length);
    await plane.kubectl(['delete', 'pods', '--all', '--grace-period=0', '--force']);
  });

  test('wait at once after the first one, and are counted', async () => {
    const [webhook] = installed().installation.webhooks;
    const [leader] = installed().installation.operators;
    const spent = async () => (await webhook?.metric('rockmac_admission_review_duration_seconds_sum')) ?? Number.NaN;
    await whileLedgerIsAway(async () => {
      await create('slow');
      const before = await spent();
      for (let count = 0; count < 20; count++) await create(`fast-${String(count)}`);
      expect(((await spent()) - before) / 20).toBeLessThan(0.05);
      await eventually(async () => {
        expect(await leader?.metric('rockmac_gated_pods')).toBe(21);
        expect(await leader?.metric('rockmac_gated_pods_oldest_seconds')).toBeGreaterThan(0);
      }, within);
    });
    await untilFilled('slow');
    await untilFilled('fast-19');
    await eventually(async () => {
      expect(await leader?.metric('rockmac_gated_pods')).toBe(0);
    }, within);
    await installed().plane.kubectl(['delete', 'pods', '--all', '--grace-period=0', '--force']);
  });

  test('are refused where they cannot wait, and are not affected where they did not opt in', async () => {
    await whileLedgerIsAway(async () => {
      await expect(create('placed', { spec: { nodeName: 'n1' } })).rejects.toThrow(/The request to the ledger failed/);
      const free = await create('free', { annotations: { [ANNOTATIONS.inject]: 'false' } });
      expect(free.spec.schedulingGates).toEqual([]);
      const plain = await create('plain', { client: admin, annotations: { [ANNOTATIONS.inject]: '' } });
      expect(plain.spec.schedulingGates).toEqual([]);
    });
    await installed().plane.kubectl(['delete', 'pods', '--all', '--grace-period=0', '--force']);
  });

  test('keep their gate while the ledger is away, also when a person removes it', async () => {
    await whileLedgerIsAway(async () => {
      await create('impatient');
      const lift = { spec: { schedulingGates: null } };
      const body = { type: 'merge', body: lift } as const;
      const key = { namespace: 'default', name: 'impatient' };
      await expect(ann.patch(pods, key, body)).rejects.toThrow(LEDGER_IS_AWAY);
      // Its networks may change: nobody has decided about them yet.
      const other = { metadata: { annotations: { [NETWORKS_ANNOTATION]: 'red,green' } } };
      expectGated(await ann.patch(pods, key, { type: 'merge', body: other }));
    });
    await untilBound(await untilFilled('impatient'));
    const networks = (await read('impatient')).metadata.annotations?.[NETWORKS_ANNOTATION];
    expect(networks).toMatch(/^\[\{"name":"red".*"mac":.*"name":"green".*"mac":/);
  });

  test('whose pool is full afterwards stay gated, say why, and get an address when there is one', async () => {
    const { plane, ledger } = installed();
    await whileLedgerIsAway(() => Promise.all(['one', 'two'].map((name) => create(name, { namespace: 'small' }))));
    const waiting = await eventually(async () => {
      const reasons = await Promise.all(['one', 'two'].map((name) => reasonOf(name, 'small')));
      expect(reasons.filter((reason) => reason === undefined)).toHaveLength(1);
      expect(reasons.find((reason) => reason !== undefined)).toMatch(/^Pool tiny has no free address.*\nRelease/s);
      return reasons[0] === undefined ? 'two' : 'one';
    }, within);
    await eventually(async () => {
      const { items } = await admin.list(events, { namespace: 'small' });
      const notes = items.filter(({ reason }) => reason === 'AddressRefused').map(({ note }) => note);
      expect(notes).toEqual([expect.stringMatching(/^Pool tiny has no free address/)]);
    }, within);
    const larger = JSON.stringify({ spec: { last: 'a4:58:0f:20:00:01' } });
    await plane.kubectl(['patch', 'macpool', 'tiny', '--type=merge', '-p', larger]);
    await eventually(() => untilFilled(waiting, 'small'), { within: 90_000, every: 100 });
    expect(await listAddresses(ledger, { pool: 'tiny', states: ['active', 'pending'] })).toHaveLength(2);
  });
});

describe('a gate that is not of the webhook', () => {
  const gate = { spec: { schedulingGates: [{ name: SCHEDULING_GATE }] } };

  test('is removed from a pod that the webhook sees, with its token, and the pod gets its address at once', async () => {
    const annotations = { [ANNOTATIONS.gateToken]: 'v1.e30.AAAA', [ANNOTATIONS.gateReason]: 'mine' };
    const pod = await create('copied', { ...gate, annotations });
    expect(pod.spec.schedulingGates).toEqual([]);
    expect(macOf(pod)).toMatch(/^a4:58:0f/);
    expect(Object.keys(pod.metadata.annotations ?? {})).not.toContain(ANNOTATIONS.gateToken);
  });

  test('is refused on a pod that the webhook does not see', async () => {
    const unseen = { ...gate, annotations: { [ANNOTATIONS.inject]: 'false' } };
    await expect(create('stranger', unseen)).rejects.toThrow(/Only the webhook of rock-mac adds the scheduling gate/);
  });

  test('and without the policies gets no address either, neither with a made-up token nor with that of another pod', async () => {
    const { plane, ledger } = installed();
    await plane.kubectl(['delete', 'validatingadmissionpolicybinding', SCHEDULING_GATES_POLICY]);
    const before = await listAddresses(ledger, { pool: 'kubernetes', states: ['pending', 'active'], limit: 1_000 });
    const victim = await whileLedgerIsAway(async () => {
      const { metadata } = await create('victim');
      const unseen = { ...gate, metadata: { labels: { test: 'forged' } } };
      const token = metadata.annotations?.[ANNOTATIONS.gateToken] ?? '';
      const annotations = { [ANNOTATIONS.inject]: 'false', [ANNOTATIONS.gateToken]: token };
      await eventually(() => create('no-token', { ...unseen, annotations: { [ANNOTATIONS.inject]: 'false' } }), within);
      await create('not-opted-in', { ...unseen, annotations });
      // A pod that the webhook gated, and whose author replaces its token by that of another pod.
      await create('thief');
      const stolen = { metadata: { annotations: { [ANNOTATIONS.gateToken]: token } } };
      await ann.patch(pods, { namespace: 'default', name: 'thief' }, { type: 'merge', body: stolen });
      return 'victim';
    });
    const address = await untilFilled(victim);
    await eventually(async () => {
      expect(await reasonOf('thief', 'default')).toMatch(
        /gate-token is not the one that rock-mac wrote.*\nDelete the pod/s,
      );
    }, within);
    for (const name of ['no-token', 'not-opted-in', 'thief']) expect(macOf(await read(name))).toBeUndefined();
    expectGatedStill(await read('no-token'));
    const after = await listAddresses(ledger, { pool: 'kubernetes', states: ['pending', 'active'], limit: 1_000 });
    const known = new Set<string>([address, ...before.map((row) => row.mac)]);
    expect(after.filter((row) => !known.has(row.mac))).toEqual([]);
  });
});

function expectGatedStill({ spec }: GatedPod): void {
  expect(spec.schedulingGates).toEqual([{ name: SCHEDULING_GATE }]);
}

describe('the operator may patch pods, and', () => {
  test.each<[string, JsonPatchOperation]>([
    ['the image', { op: 'replace', path: '/spec/containers/0/image', value: 'evil.invalid/x' }],
    ['a label', { op: 'add', path: '/metadata/labels', value: { a: 'b' } }],
    ['an annotation of others', { op: 'add', path: '/metadata/annotations/example.com~1a', value: 'b' }],
    ['a finalizer', { op: 'add', path: '/metadata/finalizers', value: ['example.com/f'] }],
    ['a toleration', { op: 'add', path: '/spec/tolerations/-', value: { operator: 'Exists' } }],
    ['the gate of others', { op: 'remove', path: '/spec/schedulingGates/0' }],
  ])('cannot change %s of a pod that waits', async (what, operation) => {
    const name = what.replaceAll(' ', '-');
    const key = { namespace: 'default', name };
    await whileLedgerIsAway(async () => {
      expectGated(await create(name, { spec: { schedulingGates: [{ name: 'example.com/other' }] } }));
      const patch = { type: 'json', body: [operation] } as const;
      await expect(operator.patch(pods, key, patch)).rejects.toThrow(/operator of rock-mac may change only/);
    });
  });

  test('cannot change a pod that does not wait', async () => {
    const name = await eventually(async () => {
      const name = `running-${String(Date.now())}`;
      expect((await create(name)).spec.schedulingGates).toEqual([]);
      return name;
    }, within);
    const body = { metadata: { annotations: { [ANNOTATIONS.gateReason]: 'x' } } };
    await expect(operator.patch(pods, { namespace: 'default', name }, { type: 'merge', body })).rejects.toThrow(
      new RegExp(`${OPERATOR_PODS_POLICY}.*operator of rock-mac may change only`),
    );
  });
});
