import { beforeAll, describe, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { aPod, installedEnvOfThisFile, shownAllocations } from './installed-env.ts';

/*
 * Tests the address of a pod's own interface in clusters with Kube-OVN and OVN-Kubernetes: what the webhook writes, and what is
 * reported if the interface has another one.
 */

const installed = installedEnvOfThisFile({ env: { ROCK_MAC_PRIMARY_CNI: 'kube-ovn' } });
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const STATUS = 'k8s.v1.cni.cncf.io/network-status';
const DEFAULT_NETWORK = 'v1.multus-cni.io/default-network';
const KUBE_OVN = 'ovn.kubernetes.io/mac_address';
const ANY = expect.stringMatching(/^a4:58:0f:05:/) as string;
const within = { within: 30_000, every: 100 };

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

function manifest(name: string, annotations: Record<string, string> = {}): string {
  const pod = JSON.parse(aPod(name)) as { metadata: { annotations: Record<string, string> } };
  Object.assign(pod.metadata.annotations, annotations);
  return JSON.stringify(pod);
}

async function create(name: string, annotations: Record<string, string> = {}): Promise<Record<string, string>> {
  const text = await kubectl(['create', '-f', '-', '-o', 'json'], manifest(name, annotations));
  return (JSON.parse(text) as { metadata: { annotations: Record<string, string> } }).metadata.annotations;
}

/** Replaces the webhook by one of a cluster with another CNI. */
async function restartWebhook(env: NodeJS.ProcessEnv): Promise<void> {
  const { installation } = installed();
  const before = installation.webhooks.at(-1);
  await installation.startWebhook(env);
  await before?.stop();
}

beforeAll(async () => {
  await eventually(() => create('first'), within);
});

describe('in a cluster with Kube-OVN', () => {
  test('the own interface of a pod gets its address in the annotation that Kube-OVN reads', async () => {
    const { [KUBE_OVN]: address = '' } = await create('own');
    expect(address).toEqual(ANY);
    const row = await findByMac(installed().ledger, mac(address));
    expect(row?.owner).toMatchObject({ name: 'own', nic: 'primary' });
  });

  test('an address that the author wrote for a provider is allocated, and nobody else may write it', async () => {
    const wanted = { [NETWORKS]: 'blue', 'blue.default.ovn.kubernetes.io/mac_address': 'A4-58-0F-05-40-01' };
    const { [NETWORKS]: networks } = await create('chosen', wanted);
    expect(networks).toBe('[{"name":"blue","mac":"a4:58:0f:05:40:01"}]');
    await expect(create('thief', wanted)).rejects.toThrow(/a4:58:0f:05:40:01 on default\/blue#0 is held/);
  });

  test('the pod and its MacAllocation say that the interface has another address, until it has the right one', async () => {
    const { [KUBE_OVN]: address = '' } = await create('ignored');
    const report = async (shown: string) => {
      const status = JSON.stringify([{ name: 'kube-ovn', interface: 'eth0', mac: shown, default: true }]);
      await kubectl(['annotate', 'pod', 'ignored', '--overwrite', `${STATUS}=${status}`]);
    };
    const applied = async () => {
      const found = (await shownAllocations(installed().plane)).find((each) => each.mac === address);
      return found?.status?.conditions.find(({ type }) => type === 'Applied');
    };
    await eventually(async () => {
      expect((await shownAllocations(installed().plane)).map((each) => each.mac)).toContain(address);
    }, within);
    await report(address.toUpperCase());
    await report('0a:58:0a:f4:00:07');
    await eventually(async () => {
      expect(await applied()).toMatchObject({ status: 'False', reason: 'PluginIgnoredAddress' });
      const events = await kubectl([
        'get',
        'events',
        '-o',
        'jsonpath={.items[?(@.reason=="AddressNotApplied")].message}',
      ]);
      expect(events).toContain(`Interface primary has 0a:58:0a:f4:00:07 and not ${address}`);
    }, within);
    await report(address);
    await eventually(async () => {
      expect(await applied()).toMatchObject({ status: 'True', reason: 'Applied' });
    }, within);
  });
});

describe('in a cluster with OVN-Kubernetes', () => {
  const NETWORK = 'openshift-ovn-kubernetes/default';

  async function warningsOf(name: string): Promise<string> {
    return await kubectl(['create', '-f', '-', '--warnings-as-errors'], manifest(name)).then(
      () => '',
      (error: unknown) => String(error),
    );
  }

  beforeAll(async () => {
    await restartWebhook({ ROCK_MAC_PRIMARY_CNI: 'ovn-kubernetes', ROCK_MAC_PRIMARY_NETWORK: NETWORK });
  });

  test('no pod names a network that does not exist', async () => {
    expect(await warningsOf('early')).toContain(`network ${NETWORK} of OVN-Kubernetes was not found`);
    expect(await kubectl(['get', 'pod', 'early', '-o', 'jsonpath={.metadata.annotations}'])).not.toContain('a4:58:0f');
  });

  test('the own interface of a pod gets its address with the network of the cluster', async () => {
    await installForeignCrds(installed().plane.kubectl, ['network-attachment-definitions']);
    const [namespace = '', name] = NETWORK.split('/');
    const config = '{"cniVersion":"0.4.0","name":"ovn-kubernetes","type":"ovn-k8s-cni-overlay"}';
    const kind = { apiVersion: 'k8s.cni.cncf.io/v1', kind: 'NetworkAttachmentDefinition' };
    await kubectl(['create', 'namespace', namespace]);
    await kubectl(
      ['create', '-n', namespace, '-f', '-'],
      JSON.stringify({ ...kind, metadata: { name }, spec: { config } }),
    );
    await eventually(async () => {
      expect(await warningsOf(`late-${String(Date.now())}`)).toBe('');
    }, within);
    const { [DEFAULT_NETWORK]: request = '' } = await create('udn');
    const [attachment, ...others] = JSON.parse(request) as { readonly mac: string }[];
    expect(attachment).toEqual({ mac: ANY, name, namespace });
    expect(others).toEqual([]);
    const row = await findByMac(installed().ledger, mac(attachment?.mac ?? ''));
    expect(row?.owner).toMatchObject({ name: 'udn', nic: 'primary' });
  });

  test('a pod cannot wait for that address, because OVN-Kubernetes refuses it in a stored pod', async () => {
    const { ledgerProxy } = installed();
    await ledgerProxy.cut();
    try {
      await expect(create('cut-off')).rejects.toThrow(/ledger/);
    } finally {
      await ledgerProxy.heal();
    }
    await eventually(() => create('back'), within);
  });
});
