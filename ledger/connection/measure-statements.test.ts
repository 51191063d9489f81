import { Registry } from '@prometheus-io/client';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { LedgerError } from '../errors.ts';
import { openLedger } from './connect.ts';
import { measureStatements } from './measure-statements.ts';

const options = { applicationName: 'test', max: 1, connectTimeoutMs: 1_000, statementTimeoutMs: 1_000 };

test('a statement on a ledger that cannot be reached is counted with the code of its error', async () => {
  const registry = new Registry();
  const ledger = measureStatements(registry)(openLedger({ ...options, url: 'postgresql://127.0.0.1:1/none' }));
  const statement = { text: 'select 1', values: [], row: z.object({}) };
  await expect(ledger.query(statement)).rejects.toThrow(LedgerError);
  await ledger.close();
  expect(await registry.metrics()).toContain(
    'rockmac_ledger_statement_duration_seconds_count{outcome="LEDGER_UNAVAILABLE"} 1',
  );
});
