import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { definePool } from '../../ledger/pool/pools.ts';
import { mac } from '../../mac/mac-address.ts';
import { ledgerOfThisFile } from './ledger-fixture.ts';
import { shellOfThisFile } from './rock-mac-shell.ts';

/* Several addresses for devices outside clusters, by one command. */

const ledger = ledgerOfThisFile();
const shell = shellOfThisFile(ledger);

beforeAll(async () => {
  const range = { first: mac('a4:58:0f:20:00:00'), last: mac('a4:58:0f:20:00:02') };
  const periods = { autoReleaseSeconds: 86_400, reuseDelaySeconds: 3_600 };
  await definePool(ledger.current.db, { name: 'small', description: '', ...range, ...periods }, 'test');
});

async function out(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await shell.rockMac(...args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

const names = async (...args: readonly string[]) => (await out(...args, '-o', 'name')).trim().split('\n');

test('allocate --count with a request key returns the same addresses each time, and more for a higher count', async () => {
  const command = ['allocate', '-d', 'host-1', '--request-key', 'host-1'];
  const four = await names(...command, '--count', '4');
  expect(new Set(four).size).toBe(4);
  expect(await names(...command, '--count', '4')).toEqual(four);
  expect((await names(...command, '--count', '5')).slice(0, 4)).toEqual(four);
  // Not that of a call without --count, and no other call has these.
  expect(four).not.toContain((await names(...command))[0]);
  expect(await names('allocate', '-d', 'host-1', '--count', '4')).not.toEqual(four);
});

test('allocate --count prints a list as `list` does', async () => {
  const table = await out('allocate', '-d', 'host-2', '--count', '2', '--request-key', 'host-2');
  expect(table).toMatch(
    /^MAC Address.*\n-{80}\n(a4:58:0f:01:\S+ +development +host-2 +active .*\n){2}\nTotal: 2 allocation/,
  );
  const shown = z
    .object({ kind: z.literal('AddressList'), items: z.array(z.object({ device: z.object({ id: z.string() }) })) })
    .parse(JSON.parse(await out('allocate', '-d', 'host-2', '--count', '2', '--request-key', 'host-2', '-o', 'json')));
  expect(shown.items.map(({ device }) => device.id)).toEqual(['host-2', 'host-2']);
});

test('allocate without --count prints one line, also for a count of one with -o name', async () => {
  expect(await out('allocate', '-d', 'host-3')).toMatch(/^Allocated MAC: a4:58:0f:01:\S+\n$/);
});

test('allocate --count prints what it got, and fails with the reason why there is no more', async () => {
  const { code, stdout, stderr } = await shell.rockMac('allocate', '-p', 'small', '--count', '5', '-o', 'name');
  expect(stdout).toBe('a4:58:0f:20:00:00\na4:58:0f:20:00:01\na4:58:0f:20:00:02\n');
  expect(code).toBe(5);
  expect(stderr).toMatch(/3 of 5 have an address, 2 were refused\..*\nError: Pool small has no free address/s);
});

test('allocate --count with a key of another device is refused for each address', async () => {
  await out('allocate', '-d', 'host-4', '--count', '2', '--request-key', 'shared');
  const other = await shell.rockMac(
    'allocate',
    '-d',
    'host-5',
    '--count',
    '3',
    '--request-key',
    'shared',
    '-o',
    'name',
  );
  expect(other).toMatchObject({ code: 4, stdout: expect.stringMatching(/^a4:58:0f:01:\S+\n$/) as string });
  expect(other.stderr).toMatch(/1 of 3 have an address, 2 were refused/);
});

test('a dry run of allocate --count allocates nothing', async () => {
  const tried = await shell.rockMac('allocate', '-p', 'docker', '--count', '2', '--dry-run');
  expect(tried).toMatchObject({ code: 0, stdout: '' });
  expect(tried.stderr).toBe(
    'Would allocate a4:58:0f:04:00:00 of pool docker, a4:58:0f:04:00:01 of pool docker (dry run).\n',
  );
  expect(await out('list', '-p', 'docker', '-s', 'all')).toBe('No allocations found\n');
});

test.each(['0', '-1', '1001', 'many', '1.5'])('--count %s is refused', async (count) => {
  const refused = await shell.rockMac('allocate', `--count=${count}`);
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toMatch(/whole number from 1 to 1000/);
});
