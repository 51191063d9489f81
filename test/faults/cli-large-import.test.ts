import path from 'node:path';
import { expect, test } from 'vitest';
import { freshLedger } from '../integration/ledger-fixture.ts';
import { writePredecessorFile } from '../integration/predecessor-file.ts';
import { openShell } from '../integration/rock-mac-shell.ts';

/*
 * A file with 200,000 addresses on a busy machine. The plan once ran inside the transaction. While it did, Postgres ended
 * the idle connection, and the import failed with "write EPIPE". The limit here is far below the minute of the role, and
 * stands for a machine that is so much slower.
 */

const COUNT = 200_000;
const POOLS = ['development', 'experiment', 'vultr', 'docker'];
const IDLE_LIMIT = '300ms';

test('a file with 200,000 addresses is imported although Postgres ends idle transactions early', async () => {
  const ledger = await freshLedger();
  const shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.url });
  try {
    await ledger.sql(`do $$ begin
      execute format('alter database %I set idle_in_transaction_session_timeout = %L', current_database(), '${IDLE_LIMIT}');
    end $$`);
    const file = path.join(shell.home, 'large.db');
    await writePredecessorFile(
      file,
      Array.from({ length: COUNT }, (_, index) => aRow(index)),
    );
    const started = performance.now();
    const { code, stdout, stderr } = await shell.rockMac('import', file);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('A backup from before') as string });
    expect(stdout).toMatch(/^Imported 200000 address\(es\): 200000 active/);
    process.stdout.write(`imported ${String(COUNT)} rows in ${((performance.now() - started) / 1_000).toFixed(1)} s\n`);
    expect(await ledger.sql('select count(*)::int as count from rock_mac.addresses')).toEqual([{ count: COUNT }]);
  } finally {
    await shell.close();
    await ledger.close();
  }
});

/** Returns a row in one of four pools. */
function aRow(index: number) {
  const hex = (index % 65_536).toString(16).padStart(4, '0');
  const third = (1 + Math.floor(index / 65_536)).toString(16).padStart(2, '0');
  const pool = POOLS[Math.floor(index / 65_536)] ?? '';
  return { pool, mac: `a4:58:0f:${third}:${hex.slice(0, 2)}:${hex.slice(2)}`, device: `vm-${String(index)}` };
}
