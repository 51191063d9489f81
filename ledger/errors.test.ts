import { expect, test } from 'vitest';
import { redactUrls, sqlState, toLedgerError } from './errors.ts';

test.each([
  ['postgresql://app:secret@db:5432/rock', 'postgresql://app:***@db:5432/rock'],
  ['cannot reach postgres://app:s3c:r@t@db/rock now', 'cannot reach postgres://app:***@db/rock now'],
  [
    'postgresql://db/rock?user=app&password=secret&sslmode=require',
    'postgresql://db/rock?user=app&password=***&sslmode=require',
  ],
  ['postgresql://app@db/rock', 'postgresql://app@db/rock'],
  ['"postgresql://:secret@db/rock"', '"postgresql://:***@db/rock"'],
])('a password in %j does not reach a log', (text, wanted) => {
  expect(redactUrls(text)).toBe(wanted);
});

const withCode = (code: string) => Object.assign(new Error(`write ${code}`), { code });

test.each(['EPIPE', 'EPERM', 'EBADF'])('%s of the operating system is no SQLSTATE', (code) => {
  expect(sqlState(withCode(code))).toBeUndefined();
});

test.each(['40001', '25P03', 'XX000', 'HV00B'])('%s is a SQLSTATE', (code) => {
  expect(sqlState(withCode(code))).toBe(code);
});

test('a connection that the server has closed means that the ledger is unavailable', () => {
  const error = toLedgerError(withCode('EPIPE'), 'run a statement');
  expect(error.code).toBe('LEDGER_UNAVAILABLE');
  expect(error.retryable).toBe(true);
});
