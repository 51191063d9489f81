import { beforeAll, describe, expect, test } from 'vitest';
import { adoptAddresses } from '../../cli/ledger-mode/adopt.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { mac, type MacAddress, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, auditOf, installedEnvOfThisFile, shownAllocations, untilReason } from './installed-env.ts';

/*
 * Seen is not granted. These pods are in a namespace that did not opt in, so the webhook does not see them, and their
 * author names the addresses.
 */
const installed = installedEnvOfThisFile({ env: { ROCK_MAC_RESYNC_SECONDS: '2' } });

interface PodOptions {
  readonly namespace: string;
  readonly macs: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** The API server wants one for a mirror pod. */
  readonly nodeName?: string;
}

async function createPod(name: string, { namespace, macs, annotations, nodeName }: PodOptions): Promise<void> {
  const networks = JSON.stringify(macs.map((each) => ({ name: 'net', mac: each })));
  const metadata = { name, namespace, annotations: { 'k8s.v1.cni.cncf.io/networks': networks, ...annotations } };
  const spec = { nodeName, containers: [{ name: 'main', image: 'example.invalid/none' }] };
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
  await installed().plane.kubectl(['create', '-f', '-'], { input });
}

async function removePod(name: string, namespace: string): Promise<void> {
  await installed().plane.kubectl(['delete', 'pod', name, '-n', namespace, '--grace-period=0', '--force']);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  await eventually(
    async () => {
      if (!(await holds())) throw new Error(`not yet: ${what}`);
    },
    { within: 30_000, every: 100 },
  );
}

async function isObserved(address: MacAddress): Promise<boolean> {
  return (await observationsOfMac(installed().ledger, address)).length > 0;
}

async function eventReasonsOf(pod: string, namespace: string): Promise<readonly string[]> {
  const args = ['get', 'events.events.k8s.io', '-n', namespace, `--field-selector=regarding.name=${pod}`];
  return (await installed().plane.kubectl([...args, '-o', 'jsonpath={.items[*].reason}'])).split(' ');
}

async function allocateByClaim(name: string, spec: Record<string, unknown>): Promise<string> {
  const { plane } = installed();
  await plane.kubectl(['create', '-f', '-'], { input: aClaim(name, spec) });
  return (await untilReason(plane, name, 'Allocated')).status?.mac ?? '';
}

beforeAll(async () => {
  const { plane } = installed();
  for (const namespace of ['bob', 'alice', 'legacy', 'labelled']) {
    await plane.kubectl(['create', 'namespace', namespace]);
  }
  await plane.kubectl(['label', 'namespace', 'labelled', 'mac.rock-os.io/inject=enabled']);
  // The policy against stray addresses would refuse these pods. It has its own test.
  await plane.kubectl([
    'delete',
    'validatingadmissionpolicybinding',
    '-l',
    'app.kubernetes.io/name=rock-mac-stray',
    '--ignore-not-found',
  ]);
});

describe('an address of a pool on a pod that nobody opted in', () => {
  test('is observed: not owned, not mirrored, not audited, and not handed out', async () => {
    const { plane, ledger } = installed();
    const first = mac('a4:58:0f:02:00:00');
    await createPod('steal', { namespace: 'bob', macs: [first] });
    await until('observed', () => isObserved(first));

    const row = await findByMac(ledger, first);
    expect(row).toMatchObject({ state: 'released', generation: 0, observed: true });
    expect(row).not.toHaveProperty('owner');
    expect(await auditOf(ledger, first)).toEqual([]);
    expect(await plane.kubectl(['get', 'macallocations', '-n', 'bob', '-o', 'name'])).toBe('');
    await until('an Event', async () => (await eventReasonsOf('steal', 'bob')).includes('AddressObserved'));
    expect(await allocateByClaim('next', { pool: 'experiment' })).toBe('a4:58:0f:02:00:01');
  });

  test('is observed too if an update adds it, or if the pod says that a kubelet mirrors it', async () => {
    const { plane, ledger } = installed();
    const added = mac('a4:58:0f:02:00:30');
    await createPod('grows', { namespace: 'bob', macs: [] });
    const networks = `k8s.v1.cni.cncf.io/networks=[{"name":"net","mac":"${added}"}]`;
    await plane.kubectl(['annotate', 'pod', 'grows', '-n', 'bob', '--overwrite', networks]);
    const mirrored = mac('a4:58:0f:02:00:31');
    await createPod('static', {
      namespace: 'labelled',
      macs: [mirrored],
      annotations: { 'kubernetes.io/config.mirror': 'x', 'mac.rock-os.io/inject': 'true' },
      nodeName: 'nowhere',
    });
    for (const address of [added, mirrored]) {
      await until('observed', () => isObserved(address));
      expect(await findByMac(ledger, address)).toMatchObject({ state: 'released', generation: 0, observed: true });
      expect(await auditOf(ledger, address)).toEqual([]);
    }
    for (const namespace of ['bob', 'labelled']) {
      expect(await plane.kubectl(['get', 'macallocations', '-n', namespace, '-o', 'name'])).toBe('');
    }
    await removePod('grows', 'bob');
    await removePod('static', 'labelled');
  });

  test('is given to somebody who may use the pool and requests it, and both are reported', async () => {
    const { plane } = installed();
    const address = mac('a4:58:0f:02:00:10');
    await createPod('squatter', { namespace: 'bob', macs: [address] });
    await until('observed', () => isObserved(address));
    expect(await allocateByClaim('wanted', { pool: 'experiment', requestedMac: address })).toBe(address);
    await until('the conflict is published', async () => {
      const claim = (await shownAllocations(plane)).find(({ metadata }) => metadata.name === 'wanted');
      return claim?.status?.conditions.some(({ type, status }) => type === 'Conflict' && status === 'True') ?? false;
    });
    await until('an Event', async () => (await eventReasonsOf('squatter', 'bob')).includes('AddressConflict'));
  });

  test('is free after its pod and the reuse delay', async () => {
    const { ledger } = installed();
    const address = mac('a4:58:0f:02:00:20');
    await createPod('passing', { namespace: 'bob', macs: [address] });
    await until('observed', () => isObserved(address));
    await removePod('passing', 'bob');
    await until('no longer observed', async () => !(await isObserved(address)));
    const row = await findByMac(ledger, address);
    expect(row?.state).toBe('released');
    expect(row?.reusableAt?.getTime()).toBeGreaterThan(Date.now());
  });

  test('is protected up to 64 addresses of a namespace, and the rest is reported', async () => {
    const { installation } = installed();
    const macs = Array.from({ length: 80 }, (_, index) => numberToMac(macToNumber(mac('a4:58:0f:03:00:00')) + index));
    await createPod('drain', { namespace: 'bob', macs });
    await until('the limit is reported', async () =>
      (await eventReasonsOf('drain', 'bob')).includes('AddressNotProtected'),
    );
    const observed = await Promise.all(macs.map(isObserved));
    expect(observed.filter(Boolean).length).toBeLessThanOrEqual(64);
    expect(await installation.operators[0]?.metric('rockmac_addresses_unprotected_total')).toBeGreaterThan(0);
    await removePod('drain', 'bob');
  });
});

test('addresses that were in use before their pool are protected up to the limits, and all of them where the pool may be used', async () => {
  const { plane, ledger } = installed();
  const first = macToNumber(mac('a4:58:0f:30:00:00'));
  const macsFrom = (offset: number) => Array.from({ length: 40 }, (_, index) => numberToMac(first + offset + index));
  const observed = async (macs: readonly MacAddress[]) =>
    (await Promise.all(macs.map(isObserved))).filter(Boolean).length;
  const strays = [...macsFrom(0), ...macsFrom(40)];
  const trusted = [...macsFrom(80), ...macsFrom(120)];
  await plane.kubectl(['create', 'namespace', 'early']);
  await createPod('early-1', { namespace: 'early', macs: macsFrom(0) });
  await createPod('early-2', { namespace: 'early', macs: macsFrom(40) });
  await plane.kubectl(['create', 'namespace', 'trusted']);
  await plane.kubectl(['annotate', 'namespace', 'trusted', 'mac.rock-os.io/adopt=late']);
  await createPod('vm-1', { namespace: 'trusted', macs: macsFrom(80) });
  await createPod('vm-2', { namespace: 'trusted', macs: macsFrom(120) });
  await until('all are observed', async () => (await observed([...strays, ...trusted])) === 160);

  const range = { first: mac('a4:58:0f:30:00:00'), last: mac('a4:58:0f:30:03:ff'), description: '' };
  await definePool(ledger, { name: 'late', ...range, autoReleaseSeconds: null, reuseDelaySeconds: 60 }, 'test');
  const rowsOf = (macs: readonly MacAddress[]) => Promise.all(macs.map((each) => findByMac(ledger, each)));
  expect((await rowsOf(strays)).every((row) => row?.observed === true)).toBe(true);
  await until('as many are protected as the limits allow', async () => (await observed(strays)) === 64);
  await until('the limit is reported', async () => {
    const reasons = [...(await eventReasonsOf('early-1', 'early')), ...(await eventReasonsOf('early-2', 'early'))];
    return reasons.includes('AddressNotProtected');
  });
  await until('all are adopted', async () => (await rowsOf(trusted)).every((row) => row?.state === 'active'));
});

test('an address that was just released goes back to its last owner, not to a stray', async () => {
  const { plane, ledger } = installed();
  const address = mac('a4:58:0f:05:12:34');
  const pod = () =>
    plane.kubectl(['create', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: 'web',
          namespace: 'alice',
          annotations: {
            'mac.rock-os.io/inject': 'true',
            'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'net', mac: address }]),
          },
        },
        spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
      }),
    });
  await pod();
  await until('bound', async () => (await findByMac(ledger, address))?.state === 'active');
  await removePod('web', 'alice');
  await until('released', async () => (await findByMac(ledger, address))?.state === 'released');

  await createPod('thief', { namespace: 'bob', macs: [address] });
  await until('observed', () => isObserved(address));
  expect(await findByMac(ledger, address)).toMatchObject({ state: 'released', generation: 1, owner: { name: 'web' } });
  await pod();
  await until('bound again', async () => {
    const row = await findByMac(ledger, address);
    return row?.state === 'active' && row.generation === 2;
  });
  expect((await findByMac(ledger, address))?.owner).toMatchObject({ namespace: 'alice', name: 'web' });
  await removePod('thief', 'bob');
  await removePod('web', 'alice');
});

describe('an address in use is granted', () => {
  test('by the annotation of its namespace, which only somebody with the right to use the pool may write', async () => {
    const { plane, ledger } = installed();
    const address = mac('a4:58:0f:05:40:00');
    await createPod('old', { namespace: 'legacy', macs: [address] });
    await until('observed', () => isObserved(address));

    const kubeconfig = await plane.userKubeconfig('lena', []);
    const rules = [{ apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'patch'] }];
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'owner' },
      rules,
    };
    await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(role) });
    await plane.kubectl(['create', 'clusterrolebinding', 'lena', '--clusterrole=owner', '--user=lena']);
    const annotate = (annotation: string) =>
      plane.kubectl(['--kubeconfig', kubeconfig, 'annotate', 'namespace', 'legacy', annotation]);
    await until('the role works', () =>
      annotate('note=1').then(
        () => true,
        () => false,
      ),
    );
    await expect(annotate('mac.rock-os.io/adopt=kubernetes')).rejects.toThrow(
      'User "lena" may not use MacPool "kubernetes"',
    );
    await expect(annotate('mac.rock-os.io/pool=kubernetes')).rejects.toThrow('may not use MacPool "kubernetes"');

    await plane.kubectl(['annotate', 'namespace', 'legacy', 'mac.rock-os.io/adopt=kubernetes']);
    await annotate('note-');
    await until('adopted', async () => (await findByMac(ledger, address))?.state === 'active');
    expect((await findByMac(ledger, address))?.owner).toMatchObject({ namespace: 'legacy', name: 'old' });
    expect(await isObserved(address)).toBe(false);
    await until('mirrored', async () => (await plane.kubectl(['get', 'ma', '-n', 'legacy', '-o', 'name'])) !== '');
  });

  test('by an admin with rock-mac adopt', async () => {
    const { plane, ledger } = installed();
    const address = mac('a4:58:0f:04:00:07');
    await createPod('vm', { namespace: 'bob', macs: [address] });
    await until('observed', () => isObserved(address));
    const { adopted, refused } = await adoptAddresses(ledger, [address, mac('a4:58:0f:04:00:08')], {
      object: undefined,
      dryRun: false,
    });
    expect(adopted).toMatchObject([{ mac: address, namespace: 'bob', name: 'vm' }]);
    expect(refused).toMatchObject([{ exit: 'notFound' }]);
    await until('mirrored', async () => (await plane.kubectl(['get', 'ma', '-n', 'bob', '-o', 'name'])) !== '');
    expect(await auditOf(ledger, address)).toMatchObject([{ action: 'adopt', reason: 'adopted by an admin' }]);
  });
});
