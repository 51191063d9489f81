import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readDecision, recordDecision } from './import-decisions.ts';

async function aHome(): Promise<string> {
  const home = await mkdtemp(path.join(tmpdir(), 'rock-mac-test-'));
  onTestFinished(() => rm(home, { recursive: true }));
  return home;
}

test('a decision holds for one file and one ledger, and the last one counts', async () => {
  const home = await aHome();
  expect(await readDecision('/a.db', 'one', home)).toBeUndefined();
  await recordDecision({ file: '/a.db', ledgerId: 'one', decision: 'declined' }, new Date(), home);
  await recordDecision({ file: '/b.db', ledgerId: 'one', decision: 'declined' }, new Date(), home);
  await recordDecision({ file: '/a.db', ledgerId: 'one', decision: 'imported' }, new Date(), home);
  expect(await readDecision('/a.db', 'one', home)).toBe('imported');
  expect(await readDecision('/b.db', 'one', home)).toBe('declined');
  expect(await readDecision('/a.db', 'two', home)).toBeUndefined();
});

test('a damaged file counts as no decision, and the next decision replaces it', async () => {
  const home = await aHome();
  await recordDecision({ file: '/a.db', ledgerId: 'one', decision: 'declined' }, new Date(), home);
  await writeFile(path.join(home, '.rock', 'import-decisions.json'), '{"version": 1, "decisi');
  expect(await readDecision('/a.db', 'one', home)).toBeUndefined();
  await recordDecision({ file: '/a.db', ledgerId: 'one', decision: 'declined' }, new Date(), home);
  expect(await readDecision('/a.db', 'one', home)).toBe('declined');
});
