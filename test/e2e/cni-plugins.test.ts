import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { aPod, installedEnvOfThisFile } from '../integration/installed-env.ts';
import { addToNetwork, findCniPlugins, makeNetworkNamespace, type NetworkNamespace } from './network-namespace.ts';

/*
 * Passes the annotation of the webhook to real CNI plugins in the same way as Multus, and reads the address of the interface
 * from the kernel. A namespace stands for the node, another one for the pod, so a run that is killed leaves no link behind.
 */

const found = findCniPlugins(['bridge', 'macvlan', 'ptp', 'tuning', 'host-local']);
const why = 'missing' in found ? found.missing : '';

interface Attachment {
  readonly name: string;
  readonly interface: string;
  readonly mac?: string;
}

describe.skipIf(why !== '')(`on real networks${why === '' ? '' : ` (skipped: ${why})`}`, () => {
  const installed = installedEnvOfThisFile();
  const MASTER = ['rm-master', 'rm-peer'] as const;
  let leases: string;
  let node: NetworkNamespace;
  let pod: NetworkNamespace;
  let attachments: readonly Attachment[] = [];
  const configs = new Map<string, string>();

  function define(name: string, ...plugins: readonly object[]): void {
    configs.set(name, JSON.stringify({ cniVersion: '0.4.0', name, plugins }));
  }

  beforeAll(async () => {
    leases = await mkdtemp(path.join(tmpdir(), 'rm-ipam-'));
    const ipam = { type: 'host-local', dataDir: leases, subnet: '10.251.7.0/24' };
    define('bridged', { type: 'bridge', bridge: 'rm-bridge', ipam: {} });
    define('capable', { type: 'bridge', bridge: 'rm-bridge', ipam: {}, capabilities: { mac: true } });
    define('virtual', { type: 'macvlan', master: MASTER[0], mode: 'bridge', ipam: {} });
    define('tuned', { type: 'ptp', ipam }, { type: 'tuning', capabilities: { mac: true } });
    // Two point-to-point links in one namespace need two subnets.
    define('routed', { type: 'ptp', ipam: { ...ipam, subnet: '10.251.8.0/24' } });
    [node, pod] = await Promise.all([makeNetworkNamespace(), makeNetworkNamespace()]);
    await node.run('ip', ['link', 'add', MASTER[0], 'type', 'veth', 'peer', 'name', MASTER[1]]);
    await node.run('ip', ['link', 'set', MASTER[0], 'up']);

    const { plane } = installed();
    await installForeignCrds(plane.kubectl, ['network-attachment-definitions']);
    for (const [name, config] of configs) {
      const kind = { apiVersion: 'k8s.cni.cncf.io/v1', kind: 'NetworkAttachmentDefinition' };
      const input = JSON.stringify({ ...kind, metadata: { name }, spec: { config } });
      await plane.kubectl(['create', '-f', '-'], { input });
    }
    const networks = [...configs.keys()].map((name, index) => `${name}@net${String(index)}`).join(',');
    const stored = await eventually(() =>
      plane.kubectl(['create', '-f', '-', '-o', 'json'], { input: aPod('wired', { networks }) }),
    );
    const { metadata } = JSON.parse(stored) as { metadata: { annotations: Record<string, string> } };
    attachments = JSON.parse(metadata.annotations['k8s.v1.cni.cncf.io/networks'] ?? '[]') as Attachment[];
  });

  afterAll(async () => {
    await Promise.all([node.remove(), pod.remove()]);
    await rm(leases, { recursive: true });
  });

  async function attach(name: string): Promise<{ readonly written: string | undefined; readonly onTheWire: string }> {
    if ('missing' in found) throw new Error(found.missing);
    const attachment = attachments.find((each) => each.name === name);
    const { interface: interfaceName = '', mac } = attachment ?? {};
    await addToNetwork(configs.get(name) ?? '', { interfaceName, mac }, { plugins: found, node, pod });
    return { written: mac, onTheWire: await pod.macOf(interfaceName) };
  }

  test.each([
    ['a bridge', 'bridged'],
    ['a bridge that declares the capability', 'capable'],
    ['macvlan', 'virtual'],
    ['ptp with tuning behind it', 'tuned'],
  ])('the interface has the address that the webhook wrote: %s', async (_, name) => {
    const { written, onTheWire } = await attach(name);
    expect(written).toMatch(/^a4:58:0f:05:/);
    expect(onTheWire).toBe(written);
  });

  test('a network that ignores addresses gets none, and no address is allocated for it', async () => {
    const { written, onTheWire } = await attach('routed');
    expect(written).toBeUndefined();
    expect(onTheWire).not.toMatch(/^a4:58:0f:/);
  });
});
