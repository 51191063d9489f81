import { beforeAll, describe, expect, test } from 'vitest';
import { findByMac } from '../../ledger/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../ground/eventually.ts';
import { installForeignCrds } from '../ground/manifests.ts';
import { aPod, installedGroundOfThisFile } from './installed-ground.ts';

const installed = installedGroundOfThisFile({
  env: { ROCK_MAC_PRIMARY_CNI: 'calico', ROCK_MAC_MULTUS_NAMESPACE: 'multus' },
});
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const DEFAULT_NETWORK = 'v1.multus-cni.io/default-network';
const ADDRESSES = 'mac.rock-os.io/addresses';
const HARDWARE = 'cni.projectcalico.org/hwAddr';
const NO_PRIMARY = { [HARDWARE]: '02:00:00:00:00:01' };

interface Attachment {
  readonly name: string;
  readonly mac?: string;
}

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

async function create(namespace: string, manifest: string): Promise<Record<string, string>> {
  const stored = await kubectl(['create', '-n', namespace, '-f', '-', '-o', 'json'], manifest);
  return annotationsOf(stored);
}

function annotationsOf(json: string): Record<string, string> {
  return (JSON.parse(json) as { metadata: { annotations?: Record<string, string> } }).metadata.annotations ?? {};
}

function attachmentsOf(annotations: Record<string, string>): readonly Attachment[] {
  return JSON.parse(annotations[NETWORKS] ?? '[]') as Attachment[];
}

function macOf(annotations: Record<string, string>): string | undefined {
  return attachmentsOf(annotations)[0]?.mac;
}

async function makeNamespace(name: string, pool?: string): Promise<void> {
  await kubectl(['create', 'namespace', name]);
  await kubectl(['label', 'namespace', name, 'mac.rock-os.io/inject=enabled']);
  if (pool !== undefined) await kubectl(['annotate', 'namespace', name, `mac.rock-os.io/pool=${pool}`]);
}

/** A pod that does not ask for itself. */
function aPlainPod(name: string, annotations: Record<string, string> = {}): string {
  const pod = JSON.parse(aPod(name)) as { metadata: { annotations?: Record<string, string> } };
  pod.metadata.annotations = annotations;
  if (Object.keys(annotations).length === 0) delete pod.metadata.annotations;
  return JSON.stringify(pod);
}

beforeAll(async () => {
  // The pods of these namespaces may be made as soon as their ServiceAccount is there.
  await makeNamespace('lab', 'experiment');
  await makeNamespace('office');
  await makeNamespace('typo', 'experimental');
  await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', 'typo']), { within: 20_000 });
});

describe('a namespace that opted in', () => {
  test('names the pool of all its pods, which need no annotation of their own', async () => {
    const { [HARDWARE]: address } = await create('lab', aPlainPod('quiet'));
    expect(address).toMatch(/^a4:58:0f:02:/);
    const row = await findByMac(installed().ledger, mac(address ?? ''));
    expect(row).toMatchObject({ pool: 'experiment', owner: { namespace: 'lab', name: 'quiet', nic: 'primary' } });
  });

  test('gets the pool of the installation where it names none, and a refusal where it names one that is not there', async () => {
    expect((await create('office', aPlainPod('quiet')))[HARDWARE]).toMatch(/^a4:58:0f:05:/);
    await expect(create('typo', aPlainPod('quiet'))).rejects.toThrow(/Pool experimental is not in the ledger/);
  });

  test('may change its pool, and the next pod gets its address there', async () => {
    await kubectl(['annotate', 'namespace', 'office', 'mac.rock-os.io/pool=development']);
    await eventually(
      async () => {
        const name = `moved-${String(Date.now())}`;
        expect((await create('office', aPlainPod(name)))[HARDWARE]).toMatch(/^a4:58:0f:01:/);
      },
      { within: 5_000, every: 200 },
    );
  });

  test('has no say in what a pod decides for itself', async () => {
    expect(await create('lab', aPlainPod('out', { 'mac.rock-os.io/inject': 'false' }))).toEqual({
      'mac.rock-os.io/inject': 'false',
    });
  });

  test('does not let its pods take an address of a pool that it does not use, and says which that is', async () => {
    const networks = { [NETWORKS]: '[{"name":"blue","mac":"a4:58:0f:00:00:07"}]' };
    await expect(create('lab', aPlainPod('thief', networks))).rejects.toThrow(
      /\(Forbidden\).*is not in pool experiment but in production, which namespace lab does not use/s,
    );
    const nowhere = { [NETWORKS]: '[{"name":"blue","mac":"a4:58:0f:77:00:07"}]' };
    await expect(create('lab', aPlainPod('thief', nowhere))).rejects.toThrow(/nor in any other/);
  });
});

describe('an address that somebody else holds', () => {
  test('is refused with the name of the holder to who may read it, and without to who may not', async () => {
    const { plane } = installed();
    const wanted = { ...NO_PRIMARY, [NETWORKS]: '[{"name":"blue","mac":"a4:58:0f:02:99:01"}]' };
    await create('lab', aPlainPod('first', wanted));
    await makeNamespace('rivals', 'experiment');
    await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', 'rivals']));
    await kubectl(['create', 'rolebinding', 'ann', '-n', 'rivals', '--clusterrole=admin', '--user=ann']);
    const message = /a4:58:0f:02:99:01 on rivals\/blue#0 is held by another owner/;
    await expect(create('rivals', aPlainPod('second', wanted))).rejects.toThrow(
      /held by another owner \(Pod lab\/first\)/,
    );
    const kubeconfig = await plane.userKubeconfig('ann');
    const asAnn = plane.kubectl(['--kubeconfig', kubeconfig, 'create', '-n', 'rivals', '-f', '-'], {
      input: aPlainPod('second', wanted),
    });
    await expect(asAnn).rejects.toThrow(message);
    await expect(asAnn).rejects.not.toThrow(/lab|first/);
  });
});

describe('what the networks of a pod do with an address', () => {
  async function define(name: string, config: string, namespace = 'lab'): Promise<void> {
    await kubectl(
      ['apply', '-n', namespace, '-f', '-'],
      JSON.stringify({
        apiVersion: 'k8s.cni.cncf.io/v1',
        kind: 'NetworkAttachmentDefinition',
        metadata: { name },
        spec: { config },
      }),
    );
  }

  /** What kubectl shows to the author of a pod on stderr is not kept, so that the API server is asked itself. */
  async function warningsOf(name: string, networks: string): Promise<string[]> {
    const { installation, plane } = installed();
    expect(installation.webhooks).toHaveLength(1);
    const shown = await plane
      .kubectl(['create', '-n', 'lab', '-f', '-', '--warnings-as-errors'], {
        input: aPlainPod(name, { ...NO_PRIMARY, [NETWORKS]: networks }),
      })
      .then(
        () => '',
        (error: unknown) => String(error),
      );
    return shown.match(/rock-mac: [^\n]*/g) ?? [];
  }

  test('is not known while there is no Multus: they get one, and their author a warning', async () => {
    expect(await warningsOf('early', 'blue')).toEqual([
      'rock-mac: network lab/blue was not found, so it may ignore its address',
    ]);
  });

  test('is read from their definitions, also when the kind comes later and when a network was made a moment ago', async () => {
    await installForeignCrds(installed().plane.kubectl, ['network-attachment-definitions']);
    await define('blue', '{"type":"bridge"}');
    expect(await warningsOf('known', 'blue')).toEqual([]);
    await define('shared', '{"type":"ipvlan","master":"eth0"}');
    await define('odd', '{"type":"acme-fabric"}');
    const networks = 'blue,shared,odd,none';
    expect(await warningsOf('all', networks)).toEqual([
      'rock-mac: network lab/shared takes no MAC address, so it gets none',
      'rock-mac: network lab/odd may ignore its address: its CNI plugin is not known here',
      'rock-mac: network lab/none was not found, so it may ignore its address',
    ]);
    const stored = annotationsOf(await kubectl(['get', 'pod', 'all', '-n', 'lab', '-o', 'json']));
    expect(attachmentsOf(stored).map(({ name, mac: given }) => [name, given !== undefined])).toEqual([
      ['blue', true],
      ['shared', false],
      ['odd', true],
      ['none', true],
    ]);
  });

  test('in the place of the cluster network is that of the namespace of Multus, and the primary CNI is left alone', async () => {
    await kubectl(['create', 'namespace', 'multus']);
    await define('own', '{"type":"macvlan"}', 'multus');
    await define('other', '{"type":"ipvlan"}', 'multus');
    // What the pod's own namespace has under these names says the opposite.
    await define('own', '{"type":"ipvlan"}');
    await define('other', '{"type":"macvlan"}');
    const replaced = await create('lab', aPlainPod('replaced', { [DEFAULT_NETWORK]: 'own' }));
    const address: unknown = expect.stringMatching(/^a4:58:0f:02:/);
    expect(JSON.parse(replaced[DEFAULT_NETWORK] ?? '')).toEqual([{ name: 'own', mac: address }]);
    expect(JSON.parse(replaced[ADDRESSES] ?? '')).toEqual([{ network: 'multus/own', mac: address }]);
    expect(replaced[HARDWARE]).toBeUndefined();
    const refused = await create('lab', aPlainPod('refused', { [DEFAULT_NETWORK]: 'other' }));
    expect(refused).toEqual({ [DEFAULT_NETWORK]: 'other' });
    const explicit = await create('lab', aPlainPod('explicit', { [DEFAULT_NETWORK]: 'lab/other' }));
    expect(JSON.parse(explicit[ADDRESSES] ?? '')).toEqual([{ network: 'lab/other', mac: address }]);
  });
});

describe('applying a manifest again', () => {
  const manifest = (networks: string) =>
    aPlainPod('again', { ...NO_PRIMARY, [NETWORKS]: networks, 'mac.rock-os.io/inject': 'true' });

  test.each([
    ['by the client', []],
    ['by the server', ['--server-side', '--force-conflicts']],
  ])('%s keeps the addresses, without the ledger', async (_, flags) => {
    const { ledgerProxy } = installed();
    await kubectl(['apply', '-n', 'lab', '-f', '-', ...flags], manifest('blue'));
    const stored = async () => annotationsOf(await kubectl(['get', 'pod', 'again', '-n', 'lab', '-o', 'json']));
    const before = await stored();
    expect(macOf(before)).toMatch(/^a4:58:0f:02:/);
    await ledgerProxy.cut();
    try {
      await kubectl(['apply', '-n', 'lab', '-f', '-', ...flags], manifest('green@eth7,blue'));
    } finally {
      await ledgerProxy.heal();
    }
    const after = await stored();
    const kept = attachmentsOf(after).map(({ mac: address }) => address);
    expect(kept).toEqual([undefined, macOf(before)]);
    expect(after[ADDRESSES]).toBe(before[ADDRESSES]);
    await kubectl(['delete', 'pod', 'again', '-n', 'lab', '--grace-period=0', '--force']);
  });
});
