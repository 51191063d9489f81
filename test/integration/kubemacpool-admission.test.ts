import { beforeAll, describe, expect, test } from 'vitest';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from './installed-env.ts';
import { machine, machineNic, macsOfMachine, networkPod } from './kubemacpool-shapes.ts';

/*
 * What users of kubemacpool rely on at admission, in its order. The
 * tests that stop the webhook are the last ones.
 */

const installed = installedEnvOfThisFile();
const INJECT = 'mac.rock-os.io/inject';
const OURS = /a4:58:0f:05:[0-9a-f:]{5}/;
const within = { within: 40_000, every: 200 };
const RED = machineNic('red');

async function kubectl(args: readonly string[], input?: object): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
}

const create = (namespace: string, object: object, ...flags: string[]) =>
  kubectl(['create', '-n', namespace, '-f', '-', '-o', 'json', ...flags], object);
const apply = (object: object) => kubectl(['apply', '-n', 'managed', '-f', '-', '-o', 'json'], object);
const getMachine = (name: string) => kubectl(['get', 'vm', name, '-n', 'managed', '-o', 'json']);

async function makeNamespace(name: string, ...labels: string[]): Promise<void> {
  await kubectl(['create', 'namespace', name]);
  if (labels.length > 0) await kubectl(['label', 'namespace', name, ...labels]);
  await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', name]), within);
}

async function untilState(address: string | undefined, state: string): Promise<void> {
  await eventually(async () => {
    expect((await findByMac(installed().ledger, mac(address ?? '')))?.state).toBe(state);
  }, within);
}

beforeAll(async () => {
  let tries = 0; // the API server watches the configurations of webhooks, so it may not know the new one yet
  await installForeignCrds(installed().plane.kubectl);
  await makeNamespace('managed', `${INJECT}=enabled`);
  await makeNamespace('disabled', `${INJECT}=disabled`);
  await makeNamespace('unlabelled');
  await eventually(async () => {
    expect(await create('managed', machine(`early-${String(++tries)}`, [RED]))).toMatch(OURS);
  }, within);
});

describe('a pod', () => {
  test('1: is created in a namespace that opted in, with an address', async () => {
    expect(await create('managed', networkPod('one'))).toMatch(OURS);
  });

  test.each([
    ['2: is created in a namespace that opted out, without an address', 'disabled'],
    ['3: is created in a namespace without a label, without an address', 'unlabelled'],
  ])('%s', async (_, namespace) => {
    expect(await create(namespace, networkPod('one'))).not.toMatch(OURS);
  });
});

describe('a virtual machine', () => {
  test('7: is shown by a dry run as it would be stored, but for its addresses, and leaves no trace', async () => {
    const held = async () => (await listAddresses(installed().ledger, { limit: 1_000, namespace: 'managed' })).length;
    const before = await held();
    expect(await create('managed', machine('tried', [RED]), '--dry-run=server')).not.toMatch(OURS);
    expect(await held()).toBe(before);
    await expect(getMachine('tried')).rejects.toThrow(/not found/);
  });

  test("8: keeps the predecessor's annotation of its transaction", async () => {
    const annotations = { 'kubemacpool.io/transaction-timestamp': '2026-08-04T10:00:00.000000001Z' };
    const stored = await create('managed', machine('transaction', [RED], { annotations }));
    expect(stored).toMatch(OURS);
    expect(JSON.parse(stored)).toMatchObject({ metadata: { annotations } });
  });

  test('9: is refused with one address of a pool on two interfaces', async () => {
    const address = 'a4:58:0f:05:70:01';
    const twice = machine('twice', [machineNic('red', address), machineNic('blue', address.replaceAll(':', '-'))]);
    await expect(create('managed', twice)).rejects.toThrow(/a4:58:0f:05:70:01.* is on two interfaces|two interfaces/);
  });

  test('11: keeps all five addresses when its manifest without addresses is applied again', async () => {
    const manifest = machine(
      'five',
      ['a', 'b', 'c', 'd', 'e'].map((name) => machineNic(name)),
    );
    const first = macsOfMachine(await apply(manifest));
    expect(new Set(first).size).toBe(5);
    for (const address of first) expect(address).toMatch(OURS);
    expect(macsOfMachine(await apply({ ...manifest, spec: { ...manifest.spec, runStrategy: 'Always' } }))).toEqual(
      first,
    );
    expect(macsOfMachine(await getMachine('five'))).toEqual(first);
  });

  test("12: with the predecessor's finalizer can be deleted when that is removed, and its address is released", async () => {
    const finalizers = ['k8s.v1.cni.cncf.io/kubeMacPool'];
    const [address] = macsOfMachine(await create('managed', machine('finalized', [RED], { finalizers })));
    await untilState(address, 'active');
    await kubectl(['delete', 'vm', 'finalized', '-n', 'managed', '--wait=false']);
    expect(await getMachine('finalized')).toContain('deletionTimestamp');
    await kubectl([
      'patch',
      'vm',
      'finalized',
      '-n',
      'managed',
      '--type=json',
      '-p',
      JSON.stringify(WITHOUT_FINALIZER),
    ]);
    await untilState(address, 'released');
  });

  test('14: gets no address in a namespace without a label', async () => {
    expect(macsOfMachine(await create('unlabelled', machine('plain', [RED])))).toEqual([undefined]);
  });

  test('an interface that is removed leaves its address to others, who get it when they write it', async () => {
    const both = await create('managed', machine('shrinks', [RED, machineNic('blue')]));
    const [kept, removed] = macsOfMachine(both);
    await untilState(removed, 'active');
    const taker = machine('taker', [machineNic('red', removed)]);
    await expect(create('managed', taker)).rejects.toThrow(/held by/);
    await apply(machine('shrinks', [machineNic('red', kept)]));
    await untilState(removed, 'released');
    expect(macsOfMachine(await create('managed', taker))).toEqual([removed]);
  });
});

const WITHOUT_FINALIZER = [{ op: 'remove', path: '/metadata/finalizers/0' }];

describe('the certificate of the webhook', () => {
  const worksAgain = (name: string) =>
    eventually(async () => {
      expect(await create('managed', networkPod(name))).toMatch(OURS);
    }, within);

  test('48: is made again when its Secret is deleted, and the webhook works', async () => {
    const secret = ['get', 'secret', 'rock-mac-webhook-tls', '-n', 'rock-mac-system', '-o', 'jsonpath={.metadata.uid}'];
    const before = await kubectl(secret);
    await kubectl(['delete', 'secret', 'rock-mac-webhook-tls', '-n', 'rock-mac-system']);
    await eventually(async () => {
      expect(await kubectl(secret)).not.toBe(before);
    }, within);
    await worksAgain('new-secret');
  });

  test('49: is published again when the caBundle is emptied, and the webhook works', async () => {
    const configuration = 'mutatingwebhookconfiguration/zz-rock-mac';
    const bundles = async () =>
      (await kubectl(['get', configuration, '-o', 'jsonpath={range .webhooks[*]}{.clientConfig.caBundle}{"\\n"}{end}']))
        .split('\n')
        .slice(0, -1);
    const count = (await bundles()).length;
    const empty = Array.from({ length: count }, (_, index) => ({
      op: 'remove',
      path: `/webhooks/${String(index)}/clientConfig/caBundle`,
    }));
    await kubectl(['patch', configuration, '--type=json', '-p', JSON.stringify(empty)]);
    await eventually(async () => {
      expect((await bundles()).filter((bundle) => bundle !== '')).toHaveLength(count);
    }, within);
    await worksAgain('new-bundle');
  });
});

describe('while no webhook answers, a pod', () => {
  beforeAll(async () => {
    await Promise.all(installed().installation.webhooks.map((webhook) => webhook.stop()));
  });

  test('4: is refused in a namespace that opted in', async () => {
    await expect(create('managed', networkPod('refused'))).rejects.toThrow(
      /failed calling webhook "inject-pods\.mac\.rock-os\.io"/,
    );
  });
});
