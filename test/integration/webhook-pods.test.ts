import { beforeAll, describe, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { aPod, installedEnvOfThisFile } from './installed-env.ts';

const installed = installedEnvOfThisFile({
  env: { ROCK_MAC_PRIMARY_CNI: 'calico', ROCK_MAC_MULTUS_NAMESPACE: 'multus' },
});
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const DEFAULT_NETWORK = 'v1.multus-cni.io/default-network';
const ADDRESSES = 'mac.rock-os.io/addresses';
const HARDWARE = 'cni.projectcalico.org/hwAddr';
const ANY: unknown = expect.stringMatching(/^a4:58:0f:02:/);
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

/** A pod without an annotation that opts in. */
function aPlainPod(name: string, annotations: Record<string, string> = {}): string {
  const pod = JSON.parse(aPod(name)) as { metadata: { annotations?: Record<string, string> } };
  pod.metadata.annotations = annotations;
  if (Object.keys(annotations).length === 0) delete pod.metadata.annotations;
  return JSON.stringify(pod);
}

beforeAll(async () => {
  // Pods can be created in these namespaces as soon as their ServiceAccount exists.
  await makeNamespace('lab', 'experiment');
  await makeNamespace('office');
  await makeNamespace('typo', 'experimental');
  await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', 'typo']), { within: 20_000 });
});

describe('a namespace that opted in', () => {
  test('names the pool of all its pods, which need no annotation', async () => {
    const { [HARDWARE]: address } = await create('lab', aPlainPod('quiet'));
    expect(address).toMatch(/^a4:58:0f:02:/);
    const row = await findByMac(installed().ledger, mac(address ?? ''));
    expect(row).toMatchObject({ pool: 'experiment', owner: { namespace: 'lab', name: 'quiet', nic: 'primary' } });
  });

  test('uses the pool of the installation if it names none, and its pods are refused if it names an unknown one', async () => {
    expect((await create('office', aPlainPod('quiet')))[HARDWARE]).toMatch(/^a4:58:0f:05:/);
    await expect(create('typo', aPlainPod('quiet'))).rejects.toThrow(
      /Pool experimental, which annotation mac.rock-os.io\/pool of namespace typo names, does not exist in the ledger/,
    );
  });

  test('may change its pool, and the next pod gets its address from the new one', async () => {
    await kubectl(['annotate', 'namespace', 'office', 'mac.rock-os.io/pool=development']);
    await eventually(
      async () => {
        const name = `moved-${String(Date.now())}`;
        expect((await create('office', aPlainPod(name)))[HARDWARE]).toMatch(/^a4:58:0f:01:/);
      },
      { within: 5_000, every: 200 },
    );
  });

  test.each(['false', 'False', 'no', 'off', 'disabled'])(
    'does not override a pod that opted out with %s',
    async (word) => {
      const annotations = { 'mac.rock-os.io/inject': word };
      expect(await create('lab', aPlainPod(`out-${word.toLowerCase()}-${String(Date.now())}`, annotations))).toEqual(
        annotations,
      );
    },
  );

  test('may write that with any usual word, as its pods may', async () => {
    await kubectl(['create', 'namespace', 'spelled']);
    await kubectl(['label', 'namespace', 'spelled', 'mac.rock-os.io/inject=true']);
    await eventually(
      async () => {
        const name = `labelled-${String(Date.now())}`;
        expect((await create('spelled', aPlainPod(name)))[HARDWARE]).toMatch(/^a4:58:0f:/);
      },
      { within: 20_000, every: 500 },
    );
    for (const [index, word] of ['True', 'yes', 'enabled', 'on', '1', ' true'].entries()) {
      const annotations = { 'mac.rock-os.io/inject': word };
      const pod = await create('default', aPlainPod(`word-${String(index)}`, annotations));
      expect({ word, mac: pod[HARDWARE] }).toEqual({ word, mac: expect.stringMatching(/^a4:58:0f:05:/) as string });
    }
  });

  test('does not let its pods use an address of another pool, and the refusal names that pool', async () => {
    const networks = { [NETWORKS]: '[{"name":"blue","mac":"a4:58:0f:00:00:07"}]' };
    await expect(create('lab', aPlainPod('thief', networks))).rejects.toThrow(
      /\(Forbidden\).*is in pool production, but annotation mac.rock-os.io\/pool of namespace lab names pool experiment/s,
    );
    const nowhere = { [NETWORKS]: '[{"name":"blue","mac":"a4:58:0f:77:00:07"}]' };
    await expect(create('lab', aPlainPod('thief', nowhere))).rejects.toThrow(/nor in any other/);
  });
});

describe('a cluster with Cilium', () => {
  test('gets the address of a pod’s own interface in the annotation that Cilium reads', async () => {
    const { installation } = installed();
    const [calico] = installation.webhooks;
    await installation.startWebhook({ ROCK_MAC_PRIMARY_CNI: 'cilium' });
    await calico?.stop();
    const annotations = await create('lab', aPlainPod('cilium'));
    await installation.startWebhook();
    await installation.webhooks.at(-2)?.stop();
    expect(annotations).toEqual({ 'cni.cilium.io/mac-address': ANY, [ADDRESSES]: expect.any(String) as string });
    expect(JSON.parse(annotations[ADDRESSES] ?? '')).toEqual([{ mac: annotations['cni.cilium.io/mac-address'] }]);
  });
});

describe('an address that somebody else holds', () => {
  test('is refused, and the refusal names the holder to nobody, because anybody may send a review', async () => {
    const { plane } = installed();
    const wanted = { ...NO_PRIMARY, [NETWORKS]: '[{"name":"blue","mac":"a4:58:0f:02:99:01"}]' };
    await create('lab', aPlainPod('first', wanted));
    await makeNamespace('rivals', 'experiment');
    await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', 'rivals']));
    await kubectl(['create', 'rolebinding', 'ann', '-n', 'rivals', '--clusterrole=admin', '--user=ann']);
    const message = /a4:58:0f:02:99:01 on rivals\/blue#0 is held by another owner/;
    await expect(create('rivals', aPlainPod('second', wanted))).rejects.toThrow(message);
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

  /** Sends the request to the API server itself, because kubectl prints warnings only to stderr. */
  async function warningsOf(name: string, networks: string): Promise<string[]> {
    const { plane } = installed();
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

  test('is unknown while Multus is not installed: they get an address with a warning', async () => {
    expect(await warningsOf('early', 'blue')).toEqual([
      'rock-mac: network lab/blue does not exist yet, so it may ignore its address',
    ]);
  });

  test('is read from their definitions, also if the CRD is installed later or a network was just created', async () => {
    await installForeignCrds(installed().plane.kubectl, ['network-attachment-definitions']);
    await define('blue', '{"type":"bridge"}');
    expect(await warningsOf('known', 'blue')).toEqual([]);
    await define('shared', '{"type":"ipvlan","master":"eth0"}');
    await define('odd', '{"type":"acme-fabric"}');
    const networks = 'blue,shared,odd,none';
    expect(await warningsOf('all', networks)).toEqual([
      'rock-mac: network lab/shared ignores MAC addresses, so its interface gets none',
      'rock-mac: network lab/odd may ignore its address: rock-mac does not know its CNI plugin',
      'rock-mac: network lab/none does not exist yet, so it may ignore its address',
    ]);
    const stored = annotationsOf(await kubectl(['get', 'pod', 'all', '-n', 'lab', '-o', 'json']));
    expect(attachmentsOf(stored).map(({ name, mac: given }) => [name, given !== undefined])).toEqual([
      ['blue', true],
      ['shared', false],
      ['odd', true],
      ['none', true],
    ]);
  });

  test('is read from another namespace if the network is there', async () => {
    await kubectl(['create', 'namespace', 'infra']);
    await define('uplink', '{"type":"ipvlan"}');
    await define('uplink', '{"type":"macvlan"}', 'infra');
    expect(await warningsOf('afar', 'infra/uplink,uplink')).toEqual([
      'rock-mac: network lab/uplink ignores MAC addresses, so its interface gets none',
    ]);
    const stored = annotationsOf(await kubectl(['get', 'pod', 'afar', '-n', 'lab', '-o', 'json']));
    expect(attachmentsOf(stored)).toEqual([{ name: 'uplink', namespace: 'infra', mac: ANY }, { name: 'uplink' }]);
    expect(JSON.parse(stored[ADDRESSES] ?? '')).toEqual([{ network: 'infra/uplink', mac: ANY }]);
  });

  test('is read from the namespace of Multus for a network that replaces the cluster network', async () => {
    await kubectl(['create', 'namespace', 'multus']);
    await define('own', '{"type":"macvlan"}', 'multus');
    await define('other', '{"type":"ipvlan"}', 'multus');
    // The networks of the same names in the pod's namespace have the opposite support.
    await define('own', '{"type":"ipvlan"}');
    await define('other', '{"type":"macvlan"}');
    const replaced = await create('lab', aPlainPod('replaced', { [DEFAULT_NETWORK]: 'own' }));
    expect(JSON.parse(replaced[DEFAULT_NETWORK] ?? '')).toEqual([{ name: 'own', mac: ANY }]);
    expect(JSON.parse(replaced[ADDRESSES] ?? '')).toEqual([{ network: 'multus/own', mac: ANY }]);
    expect(replaced[HARDWARE]).toBeUndefined();
    const refused = await create('lab', aPlainPod('refused', { [DEFAULT_NETWORK]: 'other' }));
    expect(refused).toEqual({ [DEFAULT_NETWORK]: 'other' });
    const explicit = await create('lab', aPlainPod('explicit', { [DEFAULT_NETWORK]: 'lab/other' }));
    expect(JSON.parse(explicit[ADDRESSES] ?? '')).toEqual([{ network: 'lab/other', mac: ANY }]);
  });
});

describe('the annotation that Multus reads', () => {
  const M = '"mac":"M"';
  let forms = 0;

  test.each([
    ['one network', 'blue', `[{"name":"blue",${M}}]`, ['M']],
    ['the same network twice', 'blue,blue', `[{"name":"blue",${M}},{"name":"blue",${M}}]`, ['M', 'M']],
    [
      'an interface name and a namespace',
      ' infra/uplink@eth7 ',
      `[{"name":"uplink","namespace":"infra","interface":"eth7",${M}}]`,
      ['M'],
    ],
    [
      'keys that nobody here knows, numbers and spaces as they were',
      '[ {"name":"blue", "ips":["10.0.0.7/24"], "example.com/n":12345678901234567890, "cni-args":{"vlan":7.0}} ]',
      `[ {${M},"name":"blue", "ips":["10.0.0.7/24"], "example.com/n":12345678901234567890, "cni-args":{"vlan":7.0}} ]`,
      ['M'],
    ],
    [
      'an address of ours in cni-args, where plugins believe it first',
      '[{"name":"blue","cni-args":{"mac":"A4-58-0F-02-44-01"}}]',
      '[{"mac":"a4:58:0f:02:44:01","name":"blue","cni-args":{"mac":"a4:58:0f:02:44:01"}}]',
      ['a4:58:0f:02:44:01'],
    ],
    [
      'an address of ours in another notation',
      '[{"name":"blue","mac":"A4-58-0F-02-44-02"}]',
      '[{"name":"blue","mac":"a4:58:0f:02:44:02"}]',
      ['a4:58:0f:02:44:02'],
    ],
    [
      'an address of another prefix, in any notation, and one that is to come',
      '[{"name":"blue","mac":"02-AA-00-00-00-01"},{"name":"red"}]',
      `[{"name":"blue","mac":"02-AA-00-00-00-01"},{${M},"name":"red"}]`,
      ['M'],
    ],
    [
      'a GUID of InfiniBand',
      '[{"name":"ib","infiniband-guid":"c2:11:22:33:44:55:66:77"}]',
      '[{"name":"ib","infiniband-guid":"c2:11:22:33:44:55:66:77"}]',
      [],
    ],
  ])('with %s', async (_, networks, wanted, reported) => {
    const manifest = aPlainPod(`form-${String(forms++)}`, { ...NO_PRIMARY, [NETWORKS]: networks });
    const annotations = await create('lab', manifest);
    // Which address comes next does not matter.
    const blind = (text = '') => text.replaceAll(/a4:58:0f:02:00:[0-9a-f]{2}/g, 'M');
    expect(blind(annotations[NETWORKS])).toBe(wanted);
    const addresses = JSON.parse(annotations[ADDRESSES] ?? '[]') as Attachment[];
    expect(addresses.map(({ mac: address }) => blind(address))).toEqual(reported);
    const macs = addresses.map(({ mac: address }) => address);
    expect(new Set(macs).size).toBe(macs.length);
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

  test('shows no difference in a server-side dry run, as Flux makes one', async () => {
    const flags = ['-n', 'lab', '-f', '-', '--server-side', '--force-conflicts'];
    await kubectl(['apply', ...flags], manifest('blue,red@eth5'));
    // Exits with 1 if something differs.
    expect(await kubectl(['diff', ...flags], manifest('blue,red@eth5'))).toBe('');
    await kubectl(['delete', 'pod', 'again', '-n', 'lab', '--grace-period=0', '--force']);
  });

  test('without one of its networks, or all, removes their addresses from the annotation, and the pod holds them until it is deleted', async () => {
    const flags = ['-n', 'lab', '-f', '-'];
    await kubectl(['apply', ...flags], manifest('blue,red@eth5'));
    const blue = macOf(annotationsOf(await kubectl(['get', 'pod', 'again', '-n', 'lab', '-o', 'json']))) ?? '';
    const untilState = async (address: string, state: string) => {
      await eventually(
        async () => {
          expect((await findByMac(installed().ledger, mac(address)))?.state).toBe(state);
        },
        { within: 20_000, every: 100 },
      );
    };
    await untilState(blue, 'active');
    const reported = async () => {
      const stored = annotationsOf(await kubectl(['get', 'pod', 'again', '-n', 'lab', '-o', 'json']));
      return stored[ADDRESSES] === undefined ? undefined : (JSON.parse(stored[ADDRESSES]) as unknown);
    };
    const red = { network: 'lab/red', interface: 'eth5', mac: ANY };
    expect(await reported()).toEqual([{ network: 'lab/blue', mac: ANY }, red]);
    await kubectl(['apply', ...flags], manifest('red@eth5'));
    expect(await reported()).toEqual([red]);
    await kubectl(['annotate', 'pod', 'again', '-n', 'lab', `${NETWORKS}-`]);
    expect(await reported()).toBeUndefined();
    // The operator has seen that by the time at which it has seen what came after it.
    const after = await create('lab', aPlainPod('after', { ...NO_PRIMARY, [NETWORKS]: 'blue' }));
    await untilState(macOf(after) ?? '', 'active');
    await untilState(blue, 'active');
    await kubectl(['delete', 'pod', 'again', '-n', 'lab', '--grace-period=0', '--force']);
    await untilState(blue, 'released');
  });
});

describe('an update of a stored pod', () => {
  const networks = (address: string) => `[{"name":"blue"},{"name":"green","mac":"${address}"}]`;
  const stored = async () => annotationsOf(await kubectl(['get', 'pod', 'updated', '-n', 'lab', '-o', 'json']));
  const update = (annotations: Record<string, string>) =>
    kubectl([
      ...['patch', 'pod', 'updated', '-n', 'lab', '--type=merge'],
      ...['-p', JSON.stringify({ metadata: { annotations } })],
    ]);

  beforeAll(async () => {
    await create('lab', aPlainPod('updated', { ...NO_PRIMARY, [NETWORKS]: 'blue' }));
    await create(
      'lab',
      aPlainPod('victim', { ...NO_PRIMARY, [NETWORKS]: '[{"name":"blue","mac":"a4:58:0f:02:98:01"}]' }),
    );
  });

  test.each([
    ['an address of another pod', 'a4:58:0f:02:98:01', /a4:58:0f:02:98:01 on lab\/green#0 is held by another owner/],
    ['an address of a pool that the namespace does not use', 'a4:58:0f:00:98:01', /production/],
    ['an address of no pool', 'a4:58:0f:98:00:01', /nor in any other/],
    ['a multicast address', '01:00:5e:00:00:01', /multicast/],
    ['what is no address', 'green', /not a MAC address/],
  ])('is refused %s, as a new pod is', async (_, address, reason) => {
    const before = await stored();
    await expect(update({ [NETWORKS]: networks(address) })).rejects.toThrow(reason);
    expect(await stored()).toEqual(before);
  });

  test('gets a free address, which it then owns', async () => {
    const before = macOf(await stored());
    await update({ [NETWORKS]: networks('A4-58-0F-02-98-02') });
    const after = await stored();
    expect(attachmentsOf(after).map(({ mac: address }) => address)).toEqual([before, 'a4:58:0f:02:98:02']);
    expect(after[ADDRESSES]).toContain('{"network":"lab/green","mac":"a4:58:0f:02:98:02"}');
    await eventually(
      async () => {
        expect(await findByMac(installed().ledger, mac('a4:58:0f:02:98:02'))).toMatchObject({
          state: 'active',
          owner: { name: 'updated', nic: 'lab/green#0' },
        });
      },
      { within: 20_000, every: 100 },
    );
  });

  test('cannot make the annotation report an address that the pod does not use', async () => {
    const before = await stored();
    await update({ [ADDRESSES]: '[{"network":"lab/blue","mac":"a4:58:0f:02:98:01"},{"mac":"a4:58:0f:02:98:03"}]' });
    expect((await stored())[ADDRESSES]).toBe(before[ADDRESSES]);
    await kubectl(['annotate', 'pod', 'updated', '-n', 'lab', `${ADDRESSES}-`]);
    expect((await stored())[ADDRESSES]).toBe(before[ADDRESSES]);
  });

  test('takes no address while the ledger is down, and is refused in time', async () => {
    const { ledgerProxy } = installed();
    await ledgerProxy.cut();
    try {
      await expect(update({ [NETWORKS]: networks('a4:58:0f:02:98:04') })).rejects.toThrow(/got no address/);
    } finally {
      await ledgerProxy.heal();
    }
  });
});
