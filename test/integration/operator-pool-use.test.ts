import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, auditOf, installedEnvOfThisFile, untilReason } from './installed-env.ts';

const installed = installedEnvOfThisFile();

interface User {
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>;
}

/** A user, and what kubectl says when that user runs it. */
async function aUser(name: string, groups: readonly string[] = []): Promise<User> {
  const { plane } = installed();
  const kubeconfig = await plane.userKubeconfig(name, groups);
  return {
    kubectl: (args, input) =>
      plane.kubectl(['--kubeconfig', kubeconfig, ...args], input === undefined ? {} : { input }),
  };
}

async function bind(role: string, user: string): Promise<void> {
  const name = `${user}-${role}`;
  await installed().plane.kubectl(['create', 'rolebinding', name, `--clusterrole=${role}`, `--user=${user}`]);
}

interface Decision {
  readonly verb: string;
  readonly resource: string;
  readonly group?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/** What the API server would decide in the default namespace. */
async function can(user: string, { group = 'mac.rock-os.io', ...decision }: Decision): Promise<boolean> {
  const resourceAttributes = { namespace: 'default', group, ...decision };
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user, groups: ['system:authenticated'], resourceAttributes },
  };
  const args = ['create', '-f', '-', '-o', 'jsonpath={.status.allowed}'];
  return (await installed().plane.kubectl(args, { input: JSON.stringify(review) })) === 'true';
}

/** RBAC and policies are read by watch: what was written counts a moment later. */
async function untilItIs(wanted: boolean, holds: () => Promise<boolean>): Promise<void> {
  await eventually(
    async () => {
      if ((await holds()) !== wanted) throw new Error(`it is not ${String(wanted)} yet`);
    },
    { within: 20_000, every: 100 },
  );
}

function usage(pool: string) {
  return { apiGroups: ['mac.rock-os.io'], resources: ['macpools'], resourceNames: [pool], verbs: ['use'] };
}

async function clusterRole(name: string, rules: readonly object[]): Promise<void> {
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
  await installed().plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(role) });
}

let editor: User;
let developer: User;

beforeAll(async () => {
  editor = await aUser('eve');
  developer = await aUser('dan');
  await bind('edit', 'eve');
  await clusterRole('developer', [
    { apiGroups: ['mac.rock-os.io'], resources: ['macallocations'], verbs: ['*'] },
    usage('development'),
  ]);
  await bind('developer', 'dan');
  await untilItIs(true, () => can('dan', { verb: 'use', resource: 'macpools', name: 'development' }));
  await untilItIs(true, () => can('eve', { verb: 'create', resource: 'macallocations' }));
  await eventually(() => expect(developer.kubectl(createDry(), aClaim('probe', { pool: 'vultr' }))).rejects.toThrow(), {
    within: 20_000,
    every: 100,
  });
});

function createDry(): readonly string[] {
  return ['create', '--dry-run=server', '-f', '-'];
}

describe('a user who may use the pool development alone', () => {
  test('gets an address from it, and is named in the audit for the claim and for its release', async () => {
    const { plane, ledger } = installed();
    await developer.kubectl(['create', '-f', '-'], aClaim('mine', { pool: 'development' }));
    const address = (await untilReason(plane, 'mine', 'Allocated')).status?.mac ?? '';
    const stamp = await plane.kubectl(['get', 'ma', 'mine', '-o', 'jsonpath={.spec.requester.username}']);
    expect(stamp).toBe('dan');
    await developer.kubectl(['delete', 'macallocation', 'mine']);
    const [allocated, released] = await auditOf(ledger, address);
    expect(allocated).toMatchObject({ action: 'allocate', user: 'dan' });
    expect(released?.action).toBe('release');
    expect(released?.reason).toContain('requested by dan');
  });

  test.each(['production', 'kubernetes', 'no-such-pool'])('is refused %s, and told what to do', async (pool) => {
    const refused = developer.kubectl(['create', '-f', '-'], aClaim('wanted', { pool }));
    await expect(refused).rejects.toThrow(
      `User "dan" may not use MacPool "${pool}" in namespace "default". Name another pool`,
    );
    await expect(refused).rejects.toThrow(`or ask for the verb "use" on macpools.mac.rock-os.io/${pool}`);
    await expect(refused).rejects.toThrow('(Forbidden)');
  });

  test('sees the pools that there are, and changes none', async () => {
    expect(await developer.kubectl(['get', 'macpools', '-o', 'name'])).toContain('macpool.mac.rock-os.io/production');
    await expect(developer.kubectl(['delete', 'macpool', 'docker'])).rejects.toThrow(/Forbidden/);
  });

  test('may use another as soon as somebody lets them', async () => {
    const { plane } = installed();
    await clusterRole('producer', [usage('production')]);
    await bind('producer', 'dan');
    await eventually(() => developer.kubectl(['create', '-f', '-'], aClaim('granted', { pool: 'production' })), {
      within: 20_000,
      every: 200,
    });
    await untilReason(plane, 'granted', 'Allocated');
    await developer.kubectl(['delete', 'macallocation', 'granted']);
  });
});

describe('the roles', () => {
  beforeAll(async () => {
    const roles = ['admin', 'edit', 'view', 'rock-mac-auditor', 'rock-mac-pool-admin'];
    await Promise.all(roles.map((role) => bind(role, `a-${role}`)));
  });

  test.each([
    ['development', true],
    ['experiment', true],
    ['docker', true],
    ['kubernetes', true],
    ['production', false],
    ['vultr', false],
    ['reserved', false],
  ])('let who may edit a namespace use pool %s there: %s', async (pool, allowed) => {
    await untilItIs(allowed, () => can('eve', { verb: 'use', resource: 'macpools', name: pool }));
    const created = editor.kubectl(createDry(), aClaim(`of-${pool}`, { pool }));
    await (allowed ? expect(created).resolves.toContain('created') : expect(created).rejects.toThrow(/may not use/));
  });

  test.each<[string, Decision, boolean]>([
    ['admin', { verb: 'create', resource: 'macallocations' }, true],
    ['admin', { verb: 'use', resource: 'macpools', name: 'docker' }, true],
    ['edit', { verb: 'patch', resource: 'macallocations', subresource: 'status' }, false],
    ['view', { verb: 'list', resource: 'macallocations' }, true],
    ['view', { verb: 'delete', resource: 'macallocations' }, false],
    ['rock-mac-auditor', { verb: 'list', resource: 'macallocations' }, true],
    ['rock-mac-auditor', { verb: 'list', resource: 'auditentries', group: 'ledger.mac.rock-os.io' }, true],
    ['rock-mac-auditor', { verb: 'create', resource: 'macallocations' }, false],
    ['rock-mac-pool-admin', { verb: 'patch', resource: 'macpools' }, true],
    ['rock-mac-pool-admin', { verb: 'use', resource: 'macpools', name: 'reserved' }, true],
    ['rock-mac-pool-admin', { verb: 'create', resource: 'macallocations' }, false],
  ])('%s: %o is %s', async (role, decision, allowed) => {
    const user = `a-${role}`;
    // Until the binding counts nothing is allowed, which would be no answer to what is expected to be refused.
    const granted = { verb: 'list', resource: role === 'rock-mac-pool-admin' ? 'macpools' : 'macallocations' };
    await untilItIs(true, () => can(user, granted));
    expect(await can(user, decision)).toBe(allowed);
  });
});

const typeChecked = z.object({ status: z.object({ typeChecking: z.object({}).strict() }) });

test('the policy has no expression of which the API server does not know the type', async () => {
  const { plane } = installed();
  await eventually(
    async () => {
      const args = ['get', 'validatingadmissionpolicy', 'rock-mac-pool-use', '-o', 'json'];
      expect(typeChecked.safeParse(JSON.parse(await plane.kubectl(args))).error).toBeUndefined();
    },
    { within: 20_000, every: 500 },
  );
});
