import { expect, test } from 'vitest';
import { z } from 'zod';
import { registerCluster } from '../../ledger/state/clusters.ts';
import { ledgerOfThisFile, readingUrl, schemaOfNextProgram } from './ledger-fixture.ts';
import { shellOfThisFile } from './rock-mac-shell.ts';

/* `rock-mac doctor` on real ledgers, healthy and not. */

const ledger = ledgerOfThisFile();
const shell = shellOfThisFile(ledger);

const diagnosis = z.object({
  items: z.array(
    z.object({ level: z.string(), subject: z.string(), message: z.string(), next: z.string().optional() }),
  ),
});

/** Runs `doctor` and returns the exit code and what is not ok. */
async function examine(...flags: readonly string[]) {
  const { code, stdout } = await shell.rockMac('doctor', '-o', 'json', ...flags);
  const { items } = diagnosis.parse(JSON.parse(stdout));
  return { code, subjects: items.map(({ subject }) => subject), bad: items.filter(({ level }) => level !== 'ok') };
}

test('a healthy ledger is ok in every line', async () => {
  const { code, stdout, stderr } = await shell.rockMac('doctor');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^ok {6} [a-z]+ +\S/);
  expect(stdout).not.toContain('://postgres:postgres');
  const { subjects } = await examine();
  const all = [
    'program',
    'configuration',
    'ledger',
    'schema',
    'state',
    'expiry',
    'durability',
    'audit',
    'roles',
    'clock',
  ];
  expect(subjects).toEqual([...all, 'pools', 'shared']);
});

test('a ledger that cannot be reached is an error with exit code 1', async () => {
  const { code, bad } = await examine('--ledger', 'postgresql://127.0.0.1:1/none');
  expect({ code, bad }).toMatchObject({ code: 1, bad: [{ level: 'error', subject: 'ledger' }] });
});

test('an invalid configuration file is an error', async () => {
  await shell.bash('mkdir -p ~/.rock && echo "legder: {}" > ~/.rock/mac-dispenser.yaml');
  const { code, bad } = await examine();
  await shell.bash('rm ~/.rock/mac-dispenser.yaml');
  expect({ code, bad }).toMatchObject({ code: 1, bad: [{ level: 'error', subject: 'configuration' }] });
});

test('the file of the predecessor is an error until somebody decides about it', async () => {
  await shell.bash(`mkdir -p ~/.rock && echo 'no database' > ~/.rock/mac-dispenser.db`);
  const { code, bad } = await examine();
  await shell.bash('rm ~/.rock/mac-dispenser.db');
  expect({ code, bad }).toMatchObject({ code: 1, bad: [{ level: 'error', subject: 'predecessor' }] });
});

test('a schema of a newer program is an error', async () => {
  const undo = await schemaOfNextProgram(ledger.current.sql);
  try {
    expect(await examine()).toMatchObject({ code: 1, bad: [{ level: 'error', subject: 'ledger' }] });
  } finally {
    await undo();
  }
});

test('warnings leave the exit code 0: a login that only reads, a paused pool, a cluster without a resync', async () => {
  await shell.rockMac('pool', 'pause', 'docker');
  await registerCluster(ledger.current.db, { clusterId: 'uid', name: 'shop' }, 'test');
  const { code, bad } = await examine('--ledger', await readingUrl(ledger.current));
  expect(code).toBe(0);
  expect(bad.map(({ level, subject }) => `${level} ${subject}`)).toEqual([
    'warning roles',
    'warning pools',
    'warning clusters',
  ]);
  for (const { next } of bad) expect(next).toBeDefined();
});

test('a closed ledger is an error', async () => {
  await ledger.current.sql(`update rock_mac.ledger_state set mode = 'paused'`);
  const { code, bad } = await examine();
  await ledger.current.sql(`update rock_mac.ledger_state set mode = 'open'`);
  expect(code).toBe(1);
  expect(bad).toContainEqual(expect.objectContaining({ level: 'error', subject: 'state' }));
});
