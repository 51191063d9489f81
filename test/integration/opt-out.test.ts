import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from './installed-env.ts';

/*
 * Tests the mode in which all pods and machines get addresses, in a cluster with a primary CNI. What is hard about it is an
 * outage: the cluster must come up from nothing while no webhook answers and the ledger is away.
 */

const installed = installedEnvOfThisFile({
  modes: { pods: 'opt-out', virtualMachines: 'opt-out' },
  env: { ROCK_MAC_PRIMARY_CNI: 'calico' },
});
const INJECT = 'mac.rock-os.io/inject';
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const OWN = 'cni.projectcalico.org/hwAddr';
const ADDRESS = /a4:58:0f:05:[0-9a-f:]{5}/;
const within = { within: 40_000, every: 200 };
const BLUE = { [NETWORKS]: '[{"name":"blue"}]' };

async function kubectl(args: readonly string[], input?: object): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
}

/** Allowed in our own namespace too. */
const podSpec = {
  containers: [
    {
      name: 'c',
      image: 'example.invalid/none',
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    },
  ],
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
};

let made = 0;

/** Creates a pod and returns its annotations as one text. */
async function createPod(
  namespace: string,
  annotations: Record<string, string> = {},
  rest: object = {},
): Promise<string> {
  const name = `p${String(++made)}`;
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, annotations, ...rest }, spec: podSpec };
  const text = await kubectl(['create', '-n', namespace, '-f', '-', '-o', 'json'], pod);
  const stored = JSON.parse(text) as { readonly metadata: { readonly annotations?: Record<string, string> } };
  return JSON.stringify(stored.metadata.annotations ?? {});
}

function machine(name: string, interfaces: readonly object[]) {
  const networks = interfaces.map(() => ({ name: 'blue', multus: { networkName: 'blue' } }));
  const template = { spec: { domain: { devices: { interfaces } }, networks } };
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name },
    spec: { runStrategy: 'Halted', template },
  };
}

async function createMachine(namespace: string): Promise<string> {
  const name = `m${String(++made)}`;
  return await kubectl(
    ['create', '-n', namespace, '-f', '-', '-o', 'json'],
    machine(name, [{ name: 'blue', bridge: {} }]),
  );
}

async function makeNamespace(name: string, ...labels: string[]): Promise<void> {
  await kubectl(['create', 'namespace', name]);
  if (labels.length > 0) await kubectl(['label', 'namespace', name, ...labels]);
  await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', name]), within);
}

beforeAll(async () => {
  await installForeignCrds(installed().plane.kubectl);
  await makeNamespace('plain');
  await makeNamespace('enabled', `${INJECT}=enabled`);
  await makeNamespace('disabled', `${INJECT}=disabled`);
  await makeNamespace('spelled', `${INJECT}=No`);
  await makeNamespace('level0', 'openshift.io/run-level=0');
  await makeNamespace('level1', 'openshift.io/run-level=1');
  await makeNamespace('short-level', 'runlevel=0');
  await eventually(async () => {
    expect(await createPod('plain', BLUE)).toMatch(ADDRESS);
    expect(await createPod('plain')).toContain(OWN);
  }, within);
});

/** Namespaces whose pods depend on nothing. */
const OTHERS = ['disabled', 'spelled', 'level0', 'level1', 'short-level', 'kube-system', 'rock-mac-system'];

describe('with a webhook', () => {
  test.each(['plain', 'enabled'])('every pod and machine of namespace %s gets addresses', async (namespace) => {
    const attached = JSON.parse(await createPod(namespace, BLUE)) as Record<string, string>;
    expect(attached).toMatchObject({ [NETWORKS]: expect.stringMatching(ADDRESS) as string });
    expect(attached).toMatchObject({ [OWN]: expect.stringMatching(ADDRESS) as string });
    const plain = JSON.parse(await createPod(namespace)) as Record<string, string>;
    expect(plain).toMatchObject({ [OWN]: expect.stringMatching(ADDRESS) as string });
    expect(await createMachine(namespace)).toMatch(ADDRESS);
  });

  test.each(OTHERS)('no pod of namespace %s gets one', async (namespace) => {
    expect(await createPod(namespace, BLUE)).not.toMatch(ADDRESS);
    expect(await createPod(namespace)).not.toMatch(ADDRESS);
  });

  test.each(['disabled', 'level0'])('a pod of namespace %s may ask for one itself', async (namespace) => {
    expect(await createPod(namespace, { ...BLUE, [INJECT]: 'yes' })).toMatch(ADDRESS);
  });

  test.each(['disabled', 'spelled', 'level1'])('no machine of namespace %s gets one', async (namespace) => {
    expect(await createMachine(namespace)).not.toMatch(ADDRESS);
  });

  test('a pod may opt out', async () => {
    expect(await createPod('plain', { ...BLUE, [INJECT]: 'off' })).not.toMatch(ADDRESS);
  });

  test('a pod that chooses an address of another pool for its own interface is refused', async () => {
    await expect(createPod('plain', { [OWN]: 'a4:58:0f:00:77:01' })).rejects.toThrow(/pool production/);
  });
});

describe('while the ledger is away', () => {
  beforeAll(async () => {
    await installed().ledgerProxy.cut();
  });

  afterAll(async () => {
    await installed().ledgerProxy.heal();
    await eventually(async () => {
      expect(await createPod('plain')).toMatch(ADDRESS);
    }, within);
  });

  test('a pod without another network starts without an address, and its author gets a warning', async () => {
    const annotations = await createPod('plain');
    expect(annotations).not.toMatch(ADDRESS);
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'warned' }, spec: podSpec };
    const create = kubectl(['create', '-n', 'plain', '-f', '-', '--warnings-as-errors'], pod);
    await expect(create).rejects.toThrow(/rock-mac: this pod starts without an address of rock-mac/);
    expect(await kubectl(['get', 'pod', 'warned', '-n', 'plain', '-o', 'json'])).not.toContain('schedulingGates');
  });

  test('a pod with another network waits, and one of another namespace does not', async () => {
    const waiting = await createPod('plain', BLUE);
    expect(waiting).toContain('mac.rock-os.io/gate-token');
    expect(await createPod('disabled', BLUE)).not.toContain('gate');
  });
});

describe('while no webhook answers', () => {
  const DOWN = /failed calling webhook "(inject-pods|inject-machines|inject-objects)\.mac\.rock-os\.io"/;
  const parts = ['network', 'dns', 'storage'];

  /** Returns how many pods of a deployment exist and do not end. */
  async function podsOf(namespace: string, app: string): Promise<number> {
    const text = await kubectl(['get', 'pods', '-n', namespace, '-l', `app=${app}`, '-o', 'json']);
    const { items } = JSON.parse(text) as {
      readonly items: readonly { readonly metadata: { readonly deletionTimestamp?: string } }[];
    };
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).length;
  }

  function deployment(app: string, annotations: Record<string, string> = {}) {
    const labels = { app };
    const template = { metadata: { labels, annotations }, spec: podSpec };
    const spec = { replicas: 2, selector: { matchLabels: labels }, template };
    return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: app }, spec };
  }

  beforeAll(async () => {
    await kubectl(['create', '-n', 'plain', '-f', '-'], machine('kept', [{ name: 'blue', bridge: {} }]));
    for (const part of parts) await kubectl(['create', '-n', 'plain', '-f', '-'], deployment(part));
    await kubectl(['create', '-n', 'plain', '-f', '-'], deployment('attached', BLUE));
    await kubectl(['create', '-n', 'rock-mac-system', '-f', '-'], deployment('webhook-itself'));
    await eventually(async () => {
      for (const app of [...parts, 'attached']) expect(await podsOf('plain', app)).toBe(2);
    }, within);
    // Their author, a controller, has no right to a pool. The policies know that the webhook gave them their addresses.
    expect(await kubectl(['get', 'pods', '-n', 'plain', '-l', 'app=network', '-o', 'json'])).toMatch(ADDRESS);
    await Promise.all(installed().installation.webhooks.map((webhook) => webhook.stop()));
  });

  test('a pod with another network, and a machine, are refused', async () => {
    await expect(createPod('plain', BLUE)).rejects.toThrow(DOWN);
    await expect(createMachine('plain')).rejects.toThrow(DOWN);
    await expect(createPod('disabled', { ...BLUE, [INJECT]: 'true' })).rejects.toThrow(DOWN);
  });

  test('a pod that names an address for its own interface is refused: nobody could check it', async () => {
    await expect(createPod('plain', { [OWN]: 'a4:58:0f:00:77:02' })).rejects.toThrow(DOWN);
  });

  test('any other pod starts without an address', async () => {
    expect(await createPod('plain')).not.toMatch(ADDRESS);
  });

  test.each(OTHERS)('nothing of namespace %s is affected', async (namespace) => {
    await createPod(namespace, BLUE);
    await createPod(namespace);
    if (namespace !== 'kube-system' && namespace !== 'rock-mac-system') await createMachine(namespace);
  });

  test('changes and deletions that need no address pass', async () => {
    await kubectl(['label', 'virtualmachine', 'kept', '-n', 'plain', 'note=changed']);
    await kubectl([
      'patch',
      'virtualmachine',
      'kept',
      '-n',
      'plain',
      '--type=merge',
      '-p',
      '{"spec":{"runStrategy":"Always"}}',
    ]);
    await kubectl(['delete', 'virtualmachine', 'kept', '-n', 'plain', '--wait=false']);
    await kubectl(['delete', 'pods', '-n', 'plain', '-l', 'app=attached', '--wait=false']);
  });

  test('a cluster whose pods are all gone comes up, and then the pods with another network', async () => {
    const { installation } = installed();
    for (const namespace of ['plain', 'rock-mac-system']) {
      await kubectl(['delete', 'pods', '-n', namespace, '--all', '--force', '--grace-period=0']);
    }
    await eventually(async () => {
      for (const app of parts) expect({ app, pods: await podsOf('plain', app) }).toEqual({ app, pods: 2 });
      expect(await podsOf('rock-mac-system', 'webhook-itself')).toBe(2);
    }, within);
    expect(await podsOf('plain', 'attached')).toBe(0);
    await installation.startWebhook();
    await eventually(
      async () => {
        expect(await podsOf('plain', 'attached')).toBe(2);
      },
      { within: 120_000, every: 500 },
    );
    const attached = await kubectl(['get', 'pods', '-n', 'plain', '-l', 'app=attached', '-o', 'json']);
    expect(attached).toMatch(ADDRESS);
  });
});
