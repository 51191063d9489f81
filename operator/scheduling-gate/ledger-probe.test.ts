import { expect, test } from 'vitest';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { createLedgerProbe } from './ledger-probe.ts';

function start() {
  const state = { now: 0, statements: 0, respond: (): Promise<unknown[]> => Promise.resolve([{ is_writable: true }]) };
  const ledger: Queryable = {
    query: async <T>() => {
      state.statements++;
      return (await state.respond()) as T[];
    },
  };
  return { state, isBack: createLedgerProbe(ledger, () => state.now) };
}

test('many pods that ask at once cost one statement, and the next second another', async () => {
  const { state, isBack } = start();
  expect(await Promise.all([isBack(), isBack(), isBack()])).toEqual([true, true, true]);
  state.now = 999;
  await isBack();
  expect(state.statements).toBe(1);
  state.now = 1_000;
  await isBack();
  expect(state.statements).toBe(2);
});

test('a ledger that fails or takes no writes is not back', async () => {
  const { state, isBack } = start();
  state.respond = () => Promise.reject(new LedgerError('LEDGER_UNAVAILABLE', 'away'));
  expect(await isBack()).toBe(false);
  state.now = 1_000;
  state.respond = () => Promise.resolve([{ is_writable: false }]);
  expect(await isBack()).toBe(false);
  state.now = 2_000;
  state.respond = () => Promise.resolve([{ is_writable: true }]);
  expect(await isBack()).toBe(true);
});

test('an error that is no error of the ledger is not hidden', async () => {
  const { state, isBack } = start();
  state.respond = () => Promise.reject(new TypeError('a bug'));
  await expect(isBack()).rejects.toThrow('a bug');
});
