import { expect, test } from 'vitest';
import { LedgerError } from '../ledger/errors.ts';
import { EXIT_CODES, EXIT_MEANINGS, EXITS, explainError, UserError } from './errors.ts';

test('every exit code is unique and has a meaning', () => {
  expect(new Set(Object.values(EXIT_CODES)).size).toBe(8);
  expect(Object.keys(EXIT_MEANINGS)).toEqual(Object.keys(EXIT_CODES));
  expect(EXITS.map((exit) => EXIT_CODES[exit])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

/** An error as Node throws it. */
const systemError = Object.assign(new Error("EACCES: permission denied, mkdir '/x'"), {
  errno: -13,
  code: 'EACCES',
  syscall: 'mkdir',
  path: '/x',
});

test.each([
  ['an invalid value', new UserError('x is no MAC address.', 'Write it so.'), 1, 'x is no MAC address. Write it so.'],
  ['an address that is in use', new UserError('It is taken.', 'Take another.', 'conflict'), 4, 'It is taken.'],
  ['an unreachable ledger', new LedgerError('LEDGER_UNAVAILABLE', 'No answer'), 7, 'Check that Postgres runs'],
  ['a wrong password', new LedgerError('LEDGER_AUTH_FAILED', 'No'), 6, 'No. Check the user'],
  ['a value that the ledger refuses', new LedgerError('BAD_REQUEST', 'No'), 1, 'No. Correct the value'],
  ['a ledger in use', new LedgerError('LEDGER_NOT_EMPTY', 'No'), 4, 'No'],
  ['a folder that is not writable', systemError, 1, '/x cannot be used (permission denied). Remove the cause'],
  ['a bug', new TypeError('x is not a function'), 1, 'errors.test.ts'],
])('%s is explained with its exit code', (_, error, exitCode, text) => {
  const explained = explainError(error, false);
  expect(explained.exitCode).toBe(exitCode);
  expect(explained.text).toContain(text);
});

test('the cause of a ledger error is shown with --verbose', () => {
  const error = new LedgerError('LEDGER_FAILED', 'It failed', { cause: new Error('the deeper reason') });
  expect(explainError(error, false).text).not.toMatch(/deeper|LEDGER_FAILED/);
  expect(explainError(error, true).text).toContain('[LEDGER_FAILED]');
  expect(explainError(error, true).text).toContain('the deeper reason');
});
