import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import {
  aClaim,
  addressesOf,
  aPod,
  auditOf,
  installedEnvOfThisFile,
  untilReason,
  whileLedgerIsAhead,
} from './installed-env.ts';

const installed = installedEnvOfThisFile();
const ALLOCATION = 'mac.rock-os.io/allocation';

const shown = z.object({
  metadata: z.object({ uid: z.string() }),
  spec: z.looseObject({
    requester: z.object({ username: z.string(), uid: z.string().optional(), groups: z.array(z.string()).optional() }),
  }),
});

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

async function create(manifest: string): Promise<string> {
  return await kubectl(['create', '-f', '-', '-o', 'name'], manifest);
}

async function show(claim: string) {
  return shown.parse(JSON.parse(await kubectl(['get', 'macallocation', claim, '-o', 'json'])));
}

/** Creates a claim, waits until it is ready, and returns its address. */
async function readyClaim(name: string, spec: Record<string, unknown> = {}): Promise<string> {
  await create(aClaim(name, { pool: 'production', ...spec }));
  return (await untilReason(installed().plane, name, 'Allocated')).status?.mac ?? '';
}

async function removePod(name: string): Promise<void> {
  await kubectl(['delete', 'pod', name, '--grace-period=0', '--force']);
}

describe('the requester of a claim', () => {
  test('is the user that the API server authenticated, and is recorded in the ledger', async () => {
    const { plane, ledger } = installed();
    await kubectl(['create', 'rolebinding', 'ann', '--clusterrole=admin', '--user=ann']);
    await kubectl(['create', 'role', 'claims', '--verb=*', '--resource=macallocations.mac.rock-os.io']);
    await kubectl(['create', 'rolebinding', 'ann-claims', '--role=claims', '--user=ann']);
    const anyPool = ['--clusterrole=rock-mac-pool-admin', '--user=ann', '--group=team-0'];
    await kubectl(['create', 'clusterrolebinding', 'any-pool', ...anyPool]);
    const kubeconfig = await plane.userKubeconfig('ann', ['fleet']);
    const forged = aClaim('forged', {
      pool: 'production',
      requester: { username: 'root', groups: ['system:masters'] },
    });
    await plane.kubectl(['--kubeconfig', kubeconfig, 'create', '-f', '-'], { input: forged });
    const { requester } = (await show('forged')).spec;
    expect(requester.username).toBe('ann');
    expect(requester.groups).toEqual(expect.arrayContaining(['fleet', 'system:authenticated']));
    const { status } = await untilReason(plane, 'forged', 'Allocated');
    expect((await findByMac(ledger, mac(status?.mac ?? '')))?.requester).toBe('ann');
  });

  test('stays when a replacement leaves it out or writes another', async () => {
    await create(aClaim('steady', { pool: 'production' }));
    for (const requester of [undefined, { username: 'root' }]) {
      const spec = { pool: 'production', ...(requester !== undefined && { requester }) };
      await kubectl(['replace', '-f', '-'], aClaim('steady', { ...spec }));
      expect((await show('steady')).spec.requester.username).toBe('env-admin');
    }
  });

  test('is not stamped for the operator, which alone may create a mirror', async () => {
    const consumerRef = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', nic: 'n' };
    await expect(create(aClaim('fake', { pool: 'production', consumerRef }))).rejects.toThrow(
      /\(Forbidden\).*Only the operator of .* may write spec.consumerRef/s,
    );
  });

  test('is not stamped for the operator, which alone may create a sticky claim', async () => {
    const stickyFor = { kind: 'Pod', name: 'web-0', nic: 'default/blue#0' };
    const record = { mac: 'a4:58:0f:03:00:01', ledger: { generation: 1, clusterId: 'c' } };
    await expect(create(aClaim('fake', { pool: 'production', stickyFor, ...record }))).rejects.toThrow(
      /\(Forbidden\).*Only the operator of .* may write spec.stickyFor/s,
    );
  });

  test('keeps what the operator wrote into a sticky claim, whatever others write', async () => {
    const annotations = { 'mac.rock-os.io/sticky': 'true' };
    await eventually(() => create(aPod('kept', { networks: 'blue', annotations })), { within: 20_000, every: 200 });
    const name = await eventually(
      async () => {
        const found = await kubectl(['get', 'macallocations', '-l', 'mac.rock-os.io/sticky', '-o', 'name']);
        expect(found).toMatch(/kept-/);
        return found.trim().replace(/^.*\//, '');
      },
      { within: 20_000 },
    );
    const { stickyFor } = (await show(name)).spec;
    const patch = (spec: object) =>
      kubectl(['patch', 'macallocation', name, '--type=merge', '-p', JSON.stringify({ spec })]);
    await patch({ stickyFor: { ordinal: 7, retention: { whenScaled: 'Retain', whenDeleted: 'Retain' } } });
    expect((await show(name)).spec).toMatchObject({ stickyFor });
    expect((await show(name)).spec.stickyFor).not.toHaveProperty('ordinal');
    await patch({ stickyFor: null }).catch((error: unknown) => {
      expect(String(error)).toMatch(/is invalid/);
    });
    expect((await show(name)).spec).toMatchObject({ stickyFor });
    await removePod('kept');
    await create(aClaim('labelled', { pool: 'production' }));
    await kubectl(['label', 'macallocation', 'labelled', 'mac.rock-os.io/sticky=true']);
    expect((await show('labelled')).spec).not.toHaveProperty('stickyFor');
  });

  test('may have more groups than the CRD allows', async () => {
    const { plane } = installed();
    const groups = Array.from({ length: 80 }, (_, index) => `team-${String(index)}`);
    await kubectl(['create', 'rolebinding', 'team-claims', '--role=claims', '--group=team-0']);
    const kubeconfig = await plane.userKubeconfig('bob', groups);
    const manifest = aClaim('crowded', { pool: 'production' });
    await plane.kubectl(['--kubeconfig', kubeconfig, 'create', '-f', '-'], { input: manifest });
    expect((await show('crowded')).spec.requester.groups).toHaveLength(64);
  });
});

describe('the deletion of a claim', () => {
  test('is in the audit log with the name of its user', async () => {
    const { ledger } = installed();
    const address = await readyClaim('short');
    await kubectl(['delete', 'macallocation', 'short']);
    const [allocated, released] = await auditOf(ledger, address);
    expect(allocated).toMatchObject({ action: 'allocate', user: 'env-admin' });
    expect(released).toMatchObject({ action: 'release', actor: 'rock-mac-operator' });
    expect(released?.reason).toMatch(/, requested by env-admin$/);
  });

  test('is blocked neither by an unreachable ledger nor by an unreachable webhook; only the operator waits', async () => {
    const { ledgerProxy } = installed();
    await readyClaim('patient');
    await ledgerProxy.cut();
    try {
      await kubectl(['delete', 'macallocation', 'patient', '--wait=false']);
    } finally {
      await ledgerProxy.heal();
    }
    await kubectl(['wait', '--for=delete', 'macallocation/patient', '--timeout=40s']);
  });
});

describe('a pod that names a claim', () => {
  test('gets its address, also in a pool that its namespace does not use, and the next pod gets it again', async () => {
    const { ledger } = installed();
    const address = await readyClaim('gate');
    const annotations = { [ALLOCATION]: 'gate' };
    for (const name of ['one', 'two']) {
      await eventually(() => create(aPod(name, { networks: 'blue', annotations })), { within: 20_000, every: 200 });
      expect(await addressesOf(installed().plane, name)).toEqual([{ network: 'default/blue', mac: address }]);
      expect((await findByMac(ledger, mac(address)))?.consumer).toMatchObject({ kind: 'Pod', name });
      await removePod(name);
    }
    expect((await auditOf(ledger, address)).filter(({ action }) => action === 'release')).toEqual([]);
  });

  test('is refused while another pod uses the claim, and of two at once exactly one gets it', async () => {
    const address = await readyClaim('narrow');
    const annotations = { [ALLOCATION]: 'narrow' };
    const results = await Promise.allSettled(
      ['left', 'right'].map((name) => create(aPod(name, { networks: 'blue', annotations }))),
    );
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = results.find((result) => result.status === 'rejected');
    expect(String(refused?.reason)).toMatch(/\(Conflict\).*claim narrow is in use by another object.*Try again/s);
    const winner = results[0]?.status === 'fulfilled' ? 'left' : 'right';
    const loser = winner === 'left' ? 'right' : 'left';
    await removePod(winner);
    await eventually(() => create(aPod(loser, { networks: 'blue', annotations })), { within: 20_000, every: 200 });
    expect((await addressesOf(installed().plane, loser))[0]?.mac).toBe(address);
    await removePod(loser);
  });

  test('belongs to a Deployment that is warned if its rollouts would wait for the claim', async () => {
    const deployment = (strategy: object, replicas = 1) => {
      const labels = { app: 'rolled' };
      const metadata = { labels, annotations: { [ALLOCATION]: 'narrow' } };
      const template = { metadata, spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] } };
      const spec = { replicas, selector: { matchLabels: labels }, strategy, template };
      return JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'rolled' }, spec });
    };
    // kubectl then fails with the warning as its error.
    const warned = (manifest: string) =>
      kubectl(['apply', '--dry-run=server', '--warnings-as-errors', '-f', '-'], manifest);
    const surge = (maxSurge: number | string) => ({
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge, maxUnavailable: 1 },
    });
    for (const strategy of [{}, surge(1), surge('10%')]) {
      await expect(warned(deployment(strategy))).rejects.toThrow(/every rollout waits for ever.*Recreate/s);
    }
    for (const strategy of [{ type: 'Recreate' }, surge(0), surge('0%')]) await warned(deployment(strategy));
    await expect(warned(deployment({ type: 'Recreate' }, 2))).rejects.toThrow(/serves one pod at a time/);
  });

  test('may name one for each interface, and gets new addresses for the others', async () => {
    const address = await readyClaim('half');
    const networks = '[{"name":"blue"},{"name":"red","interface":"eth5"}]';
    const annotations = { [ALLOCATION]: '{"eth5":"half"}' };
    await create(aPod('mixed', { networks, annotations }));
    const [first, second] = await addressesOf(installed().plane, 'mixed');
    expect(second?.mac).toBe(address);
    expect(first?.mac).toMatch(/^a4:58:0f:05:/);
    await removePod('mixed');
  });

  test('needs no annotation if it writes the address of an unused claim of its namespace', async () => {
    const { ledger } = installed();
    const address = await readyClaim('written');
    const networks = JSON.stringify([{ name: 'blue', mac: address.toUpperCase() }]);
    await create(aPod('writer', { networks }));
    expect((await findByMac(ledger, mac(address)))?.consumer?.name).toBe('writer');
    await expect(create(aPod('copyist', { networks }))).rejects.toThrow(/claim written is in use by another object/);
    await removePod('writer');
  });

  test.each([
    ['is not there', undefined, 'nowhere', /"nowhere" is not in namespace default.*Create it/s],
    ['is not ready', { pool: 'laboratory' }, 'waiting', /waiting is not ready \(PoolNotFound\)/],
  ])('is refused with a retryable status while the claim %s', async (_, spec, name, message) => {
    if (spec !== undefined) {
      await create(aClaim(name, spec));
      await untilReason(installed().plane, name, 'PoolNotFound');
    }
    const refused = create(aPod('late', { networks: 'blue', annotations: { [ALLOCATION]: name } }));
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(/ServiceUnavailable/);
  });

  test('cannot name a claim by a path to another object', async () => {
    const wanders = aPod('wanderer', { networks: 'blue', annotations: { [ALLOCATION]: '../pods/workload' } });
    await expect(create(wanders)).rejects.toThrow(
      /"..\/pods\/workload" cannot be the name of a MacAllocation.*Correct/s,
    );
  });

  test('cannot name a mirror of another pod', async () => {
    await create(aPod('workload', { networks: 'blue' }));
    const mirror = await eventually(
      async () => {
        const names = await kubectl(['get', 'macallocations', '-o', 'name']);
        const found = /workload-[0-9a-f]{8}/.exec(names)?.[0];
        if (found === undefined) throw new Error('no mirror yet');
        return found;
      },
      { within: 15_000 },
    );
    await expect(create(aPod('thief', { networks: 'blue', annotations: { [ALLOCATION]: mirror } }))).rejects.toThrow(
      /request is invalid.*only shows the address of another object/s,
    );
    await removePod('workload');
  });

  test('frees the claim when its lease ends, if the pod was never stored', async () => {
    const { ledger, plane } = installed();
    const address = await readyClaim('promised');
    const annotations = { [ALLOCATION]: 'promised' };
    await kubectl(['create', 'quota', 'none', '--hard=pods=0']);
    try {
      await expect(create(aPod('over', { networks: 'blue', annotations }))).rejects.toThrow(/quota/);
    } finally {
      await kubectl(['delete', 'quota', 'none']);
    }
    await expect(create(aPod('heir', { networks: 'blue', annotations }))).rejects.toThrow(/in use/);
    await whileLedgerIsAhead(ledger, '3 minutes', async () => {
      await eventually(() => create(aPod('heir', { networks: 'blue', annotations })), { within: 40_000, every: 500 });
    });
    expect((await addressesOf(plane, 'heir'))[0]?.mac).toBe(address);
    await removePod('heir');
  });
});
