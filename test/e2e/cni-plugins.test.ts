import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../env/run/eventually.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { aPod, installedEnvOfThisFile } from '../integration/installed-env.ts';
import { addToNetwork, findCniPlugins, ip, makeNetworkNamespace, type NetworkNamespace } from './network-namespace.ts';

/*
 * Passes the annotation of the webhook to real CNI plugins in the same way as Multus, and reads the address of the interface
 * from the kernel.
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
  let namespace: NetworkNamespace;
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
    await ip('link', 'add', MASTER[0], 'type', 'veth', 'peer', 'name', MASTER[1]);
    await ip('link', 'set', MASTER[0], 'up');
    namespace = await makeNetworkNamespace();

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
    const pod = JSON.parse(stored) as { metadata: { annotations: Record<string, string> } };
    attachments = JSON.parse(pod.metadata.annotations['k8s.v1.cni.cncf.io/networks'] ?? '[]') as Attachment[];
  });

  afterAll(async () => {
    await namespace.remove();
    await ip('link', 'delete', MASTER[0]);
    await ip('link', 'delete', 'rm-bridge').catch(() => undefined);
    await rm(leases, { recursive: true });
  });

  async function attach(name: string): Promise<{ readonly written: string | undefined; readonly onTheWire: string }> {
    if ('missing' in found) throw new Error(found.missing);
    const attachment = attachments.find((each) => each.name === name);
    const { interface: interfaceName = '', mac } = attachment ?? {};
    await addToNetwork(configs.get(name) ?? '', { interfaceName, mac }, { plugins: found, namespace });
    return { written: mac, onTheWire: await namespace.macOf(interfaceName) };
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
