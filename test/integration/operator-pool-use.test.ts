import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, auditOf, installedEnvOfThisFile, untilReason } from './installed-env.ts';

const installed = installedEnvOfThisFile();

interface User {
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>;
}

/** Creates a user who may run kubectl. */
async function createUser(name: string, groups: readonly string[] = []): Promise<User> {
  const { plane } = installed();
  const kubeconfig = await plane.userKubeconfig(name, groups);
  return {
    kubectl: (args, input) =>
      plane.kubectl(['--kubeconfig', kubeconfig, ...args], input === undefined ? {} : { input }),
  };
}

async function bindRole(role: string, user: string): Promise<void> {
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

/** Returns whether the API server would allow this in the default namespace. */
async function isAllowed(user: string, { group = 'mac.rock-os.io', ...decision }: Decision): Promise<boolean> {
  const resourceAttributes = { namespace: 'default', group, ...decision };
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user, groups: ['system:authenticated'], resourceAttributes },
  };
  const args = ['create', '-f', '-', '-o', 'jsonpath={.status.allowed}'];
  return (await installed().plane.kubectl(args, { input: JSON.stringify(review) })) === 'true';
}

/** Waits for a result. The API server watches RBAC and policies, so a change takes effect a moment later. */
async function waitUntilEquals(wanted: boolean, read: () => Promise<boolean>): Promise<void> {
  await eventually(
    async () => {
      if ((await read()) !== wanted) throw new Error(`it is not ${String(wanted)} yet`);
    },
    { within: 20_000, every: 100 },
  );
}

function usage(pool: string) {
  return { apiGroups: ['mac.rock-os.io'], resources: ['macpools'], resourceNames: [pool], verbs: ['use'] };
}

async function createClusterRole(name: string, rules: readonly object[]): Promise<void> {
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
  await installed().plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(role) });
}

let editor: User;
let developer: User;

beforeAll(async () => {
  editor = await createUser('eve');
  developer = await createUser('dan');
  await bindRole('edit', 'eve');
  await createClusterRole('developer', [
    { apiGroups: ['mac.rock-os.io'], resources: ['macallocations'], verbs: ['*'] },
    usage('development'),
  ]);
  await bindRole('developer', 'dan');
  await waitUntilEquals(true, () => isAllowed('dan', { verb: 'use', resource: 'macpools', name: 'development' }));
  await waitUntilEquals(true, () => isAllowed('eve', { verb: 'create', resource: 'macallocations' }));
  await eventually(
    () => expect(developer.kubectl(dryRunCreate(), aClaim('probe', { pool: 'vultr' }))).rejects.toThrow(),
    {
      within: 20_000,
      every: 100,
    },
  );
});

function dryRunCreate(): readonly string[] {
  return ['create', '--dry-run=server', '-f', '-'];
}

describe('a user who may use the pool development alone', () => {
  test('gets an address from it, and the audit log names the user for the claim and for its release', async () => {
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

  test.each(['production', 'kubernetes', 'no-such-pool'])(
    'is refused %s, with the next step in the message',
    async (pool) => {
      const refused = developer.kubectl(['create', '-f', '-'], aClaim('wanted', { pool }));
      await expect(refused).rejects.toThrow(
        `User "dan" may not use MacPool "${pool}" in namespace "default". Name another pool`,
      );
      await expect(refused).rejects.toThrow(`or ask for the verb "use" on macpools.mac.rock-os.io/${pool}`);
      await expect(refused).rejects.toThrow('(Forbidden)');
    },
  );

  test('may list all pools, and change none', async () => {
    expect(await developer.kubectl(['get', 'macpools', '-o', 'name'])).toContain('macpool.mac.rock-os.io/production');
    await expect(developer.kubectl(['delete', 'macpool', 'docker'])).rejects.toThrow(/Forbidden/);
  });

  test('may use another pool as soon as a role allows it', async () => {
    const { plane } = installed();
    await createClusterRole('producer', [usage('production')]);
    await bindRole('producer', 'dan');
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
    await Promise.all(roles.map((role) => bindRole(role, `a-${role}`)));
  });

  test.each([
    ['development', true],
    ['experiment', true],
    ['docker', true],
    ['kubernetes', true],
    ['production', false],
    ['vultr', false],
    ['reserved', false],
  ])('let an editor of a namespace use pool %s there: %s', async (pool, allowed) => {
    await waitUntilEquals(allowed, () => isAllowed('eve', { verb: 'use', resource: 'macpools', name: pool }));
    const created = editor.kubectl(dryRunCreate(), aClaim(`of-${pool}`, { pool }));
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
    // Waits for the binding. Before it takes effect everything is refused, which would prove nothing.
    const granted = { verb: 'list', resource: role === 'rock-mac-pool-admin' ? 'macpools' : 'macallocations' };
    await waitUntilEquals(true, () => isAllowed(user, granted));
    expect(await isAllowed(user, decision)).toBe(allowed);
  });
});

const typeChecked = z.object({ status: z.object({ typeChecking: z.object({}).strict() }) });

test('the API server finds no type error in the policy', async () => {
  const { plane } = installed();
  await eventually(
    async () => {
      const args = ['get', 'validatingadmissionpolicy', 'rock-mac-pool-use', '-o', 'json'];
      expect(typeChecked.safeParse(JSON.parse(await plane.kubectl(args))).error).toBeUndefined();
    },
    { within: 20_000, every: 500 },
  );
});
