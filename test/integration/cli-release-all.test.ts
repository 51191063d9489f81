import { beforeAll, beforeEach, expect, test } from 'vitest';
import { findReleasable, releaseSeen } from '../../cli/ledger-mode/release.ts';
import { transfer } from '../../ledger/address/transfer.ts';
import { aRequest, joinCluster, ledgerOfThisFile, takeAddress } from './ledger-fixture.ts';
import { shellOfThisFile } from './rock-mac-shell.ts';

/* `rock-mac release --all` and `--older-than`: many addresses at once, after a look at them. */

const ledger = ledgerOfThisFile();
const shell = shellOfThisFile(ledger);

beforeAll(async () => {
  await joinCluster(ledger.current.db, 'c1');
});

const run = (line: string) => shell.bash(`rock-mac ${line}`);

let count = 0;
/** The devices of one test, in a pool of their own. */
let pool = '';

beforeEach(async () => {
  count += 1;
  pool = `pool-${String(count)}`;
  const first = `a4:58:0f:20:${String(count).padStart(2, '0')}:00`;
  expect(await run(`pool add ${pool} --first ${first} --size 64`)).toMatchObject({ code: 0 });
});

const take = (key: string, changes: Partial<Parameters<typeof aRequest>[0]> = {}) =>
  takeAddress(ledger.current, aRequest({ key: `${pool}/${key}`, pool, device: { id: key, type: 'vm' }, ...changes }));

async function held(): Promise<string[]> {
  const { stdout } = await shell.bash(
    `rock-mac list -p ${pool} -s active,reserved --sort-by mac -o jsonpath='{range .items[*]}{.device.id}{.owner.name} {end}'`,
  );
  return stdout
    .trim()
    .split(' ')
    .filter((name) => name !== '');
}

test('all addresses that fit are released, after their number and the first few were shown', async () => {
  for (let n = 1; n <= 7; n++) await take(`vm-${String(n)}`, { metadata: { rack: n < 7 ? 'a7' : 'a8' } });
  const { code, stdout, stderr } = await run(`release --all -p ${pool} -m rack=a7 --yes --reason "rack a7 is gone"`);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'Released 6 MAC address(es)\n' });
  expect(stderr).toMatch(
    new RegExp(
      `^6 address\\(es\\) fit:\n  ${pool}: 6 \\(device, active\\)\n(  a4:58:0f:20:\\S+ vm-[1-5]\n){5}  and 1 more\n$`,
    ),
  );
  expect(await held()).toEqual(['vm-7']);
  const audit = await run(`audit -p ${pool} --action release -o jsonpath='{.items[*].reason}'`);
  expect(new Set(audit.stdout.split(/ (?=rack)/))).toEqual(new Set(['rack a7 is gone']));
});

test('only what is older is released', async () => {
  await take('old');
  await ledger.current.sql(
    `update rock_mac.addresses set allocated_at = allocated_at - interval '31 days' where device_id = 'old'`,
  );
  await take('new');
  expect(await run(`release --older-than 30d -p ${pool} --yes -o name`)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^a4:58:0f:20:[^\n]*\n$/) as string,
  });
  expect(await held()).toEqual(['new']);
});

test('a dry run and a missing --yes release nothing', async () => {
  await take('one');
  const tried = await run(`release --all -p ${pool} --dry-run`);
  expect(tried).toMatchObject({ code: 0, stdout: 'Would release 1 MAC address(es)\n' });
  const refused = await run(`release --all -p ${pool} </dev/null`);
  expect(refused).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/There is no terminal at which somebody could agree.*add --yes/) as string,
  });
  expect(await held()).toEqual(['one']);
});

test.runIf(process.platform === 'linux')('a terminal is asked, and only a yes releases', async () => {
  await take('one');
  const answer = (text: string) =>
    shell.bash(`script -qec 'rock-mac release --all -p ${pool}' /dev/null < <(sleep 2; echo ${text}; sleep 3)`);
  const no = await answer('n');
  expect(no.stdout).toMatch(/Release 1 address\(es\)\? \[y\/N\] /);
  expect(no.stdout).toMatch(/Nothing was released, because you did not agree/);
  expect(await held()).toEqual(['one']);
  expect((await answer('y')).stdout).toMatch(/Released 1 MAC address/);
  expect(await held()).toEqual([]);
});

test('addresses of objects in clusters stay, and reserved ones need --force', async () => {
  const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'web', uid: pool, nic: 'eth0' };
  await take('pod', { owner, device: undefined });
  await take('gateway', { state: 'reserved' });
  await take('vm');
  const { code, stdout, stderr } = await run(`release --all -p ${pool} -s all --yes`);
  expect({ code, stdout }).toEqual({ code: 4, stdout: 'Released 1 MAC address(es)\n' });
  expect(stderr).toContain('1 address(es) that pods, virtual machines or claims in use hold are left out.');
  expect(stderr).toMatch(/Error: a4:58:0f:20:\S+ is reserved, so it was not released\. Add --force/);
  expect(await run(`release --all -p ${pool} -s all --yes --force`)).toMatchObject({ code: 0 });
  expect(await held()).toEqual(['web']);
});

test('an address that got another owner since it was seen is not released', async () => {
  const { db } = ledger.current;
  const one = await take('one');
  await take('two');
  const query = { pools: [pool], states: ['active'], sortBy: 'mac', limit: 1 } as const;
  const { addresses } = await findReleasable(db, query);
  expect(addresses.map(({ device }) => device?.id)).toEqual(['one', 'two']);
  const next = {
    newKey: `${pool}/next`,
    state: 'active',
    device: { id: 'next' },
    requester: 'ada',
    reason: 'x',
  } as const;
  expect(await transfer(db, [{ ...one, ...next }], 'test')).toMatchObject([{ outcome: 'transferred' }]);
  const done = await releaseSeen(db, addresses, { force: true, actor: 'ada' });
  expect(done.released.map(({ device }) => device?.id)).toEqual(['two']);
  expect(done.kept).toMatchObject([{ address: { device: { id: 'next' } }, refusal: { exit: 'conflict' } }]);
  expect(await held()).toEqual(['next']);
});

test('more addresses than one group are released in groups', async () => {
  await ledger.current.sql(
    `insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, device_id, allocated_at, changed_at, requester, actor)
     select p.first + i, p.pool_id, 'active', 'allocate', 'many/' || i, 'many', now(), now(), 'ada', 'test'
     from rock_mac.pools p, generate_series(0, 1199) i where p.name = 'vultr'`,
  );
  expect(await run('release --all -p vultr -d many --yes')).toMatchObject({
    code: 0,
    stdout: 'Released 1200 MAC address(es)\n',
  });
}, 60_000);

test.each([
  ['', /Nothing says what to release\. Name an address or a device/],
  ['-p docker', /Nothing says what to release\. Add --all/],
  ['my-vm --all', /Both my-vm and flags that select addresses are given/],
  ['my-vm -p docker', /Both my-vm and flags that select addresses are given/],
])('release %s is a usage error', async (line, stderr) => {
  expect(await run(`release ${line}`)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(stderr) as string,
  });
});

test('nothing to release is a success', async () => {
  expect(await run(`release --all -p ${pool}`)).toEqual({
    code: 0,
    stdout: 'No active allocations found\n',
    stderr: '',
  });
});
