import { expect, test } from 'vitest';
import { LedgerError } from '../../ledger/errors.ts';
import { mac } from '../../mac/mac-address.ts';
import { claimTaken, explainOutcome, type RefusedResult } from './refuse-allocation.ts';

const A = mac('a4:58:0f:05:00:01');
const context = { nic: { nic: 'web/blue#0', requested: A }, namespace: 'web', pool: 'kubernetes' };

const table: readonly (readonly [RefusedResult, number, string, RegExp])[] = [
  [
    { outcome: 'in_use', mac: A, holder: { state: 'active' } },
    409,
    'Conflict',
    /held by another owner\.\nLeave it out/,
  ],
  [
    { outcome: 'in_use', mac: A, holder: { state: 'released', until: new Date('2030-01-01T00:00:00Z') } },
    409,
    'Conflict',
    /given back by its last owner and is free for others at 2030-01-01T00:00:00\.000Z\.\nTry again then/,
  ],
  [{ outcome: 'key_conflict' }, 409, 'Conflict', /holds another address.*\nTry again in two minutes/],
  [{ outcome: 'out_of_range' }, 422, 'Invalid', /not in pool kubernetes, nor in any other\.\nAsk for one/],
  [{ outcome: 'exhausted' }, 503, 'ServiceUnavailable', /Pool kubernetes has no free address\.\nRelease/],
  [
    { outcome: 'exhausted', nextReuseAt: new Date('2030-01-01T00:00:00Z') },
    503,
    'ServiceUnavailable',
    /the next is free at 2030-01-01T00:00:00\.000Z/,
  ],
  [{ outcome: 'pool_not_found' }, 503, 'ServiceUnavailable', /is not in the ledger\.\nCreate the MacPool/],
  [{ outcome: 'pool_paused' }, 503, 'ServiceUnavailable', /is paused.*\nAsk the platform team/],
  [{ outcome: 'not_adopted' }, 503, 'ServiceUnavailable', /may not allocate yet.*\nTry again/],
  [{ outcome: 'pending_cap' }, 503, 'ServiceUnavailable', /never stored\.\nTry again in two minutes/],
  [{ outcome: 'not_open', why: 'recovering' }, 503, 'ServiceUnavailable', /\(recovering\)\.\nTry again/],
  [
    { outcome: 'ledger_error', error: new LedgerError('LEDGER_TIMEOUT', 'Nothing was heard') },
    503,
    'ServiceUnavailable',
    /ledger did not answer \(LEDGER_TIMEOUT\).*\nTry again; if it stays/,
  ],
  [{ outcome: 'retry' }, 503, 'ServiceUnavailable', /still searching its pool\.\nTry again/],
];

test.each(table)('%j is refused with its code, its cause and the next step', (answer, code, reason, message) => {
  const refusal = explainOutcome(answer, context);
  expect(refusal).toMatchObject({ code, reason });
  expect(refusal.message).toMatch(message);
  expect(refusal.message.split('\n')).toHaveLength(2);
});

test('what the ledger says of itself is for the log of the webhook, and not for the author of a pod', () => {
  const error = new LedgerError(
    'LEDGER_UNAVAILABLE',
    'The ledger could not be reached: connect ECONNREFUSED 10.0.0.7:5432',
  );
  const refusal = explainOutcome({ outcome: 'ledger_error', error }, context);
  expect(refusal.message).not.toMatch(/10\.0\.0\.7|Postgres/);
  expect(refusal.cause).toBe(error);
});

test('a value that the ledger will never take is named', () => {
  const error = new LedgerError('BAD_REQUEST', 'The name is too long');
  expect(explainOutcome({ outcome: 'ledger_error', error }, context)).toEqual({
    code: 422,
    reason: 'Invalid',
    message: 'The name is too long. Correct the value and try again.',
  });
});

test('a holder and another pool are named where they may be', () => {
  const held: RefusedResult = { outcome: 'in_use', mac: A, holder: { state: 'active' } };
  expect(explainOutcome(held, { ...context, holder: 'Pod lab/one' }).message).toMatch(/owner \(Pod lab\/one\)\./);
  const elsewhere = explainOutcome({ outcome: 'out_of_range' }, { ...context, otherPool: 'production' });
  expect(elsewhere).toMatchObject({ code: 403, reason: 'Forbidden' });
  expect(elsewhere.message).toMatch(
    /in production, which namespace web does not use\.\nAsk for one of pool kubernetes/,
  );
});

test.each([
  [{ outcome: 'in_use' }, 409, /in use by another object\.\nTry again when that one is gone/],
  [{ outcome: 'unknown' }, 503, /no longer held.*\nTry again/],
  [{ outcome: 'not_open', why: 'paused' }, 503, /\(paused\)\.\nTry again/],
  [{ outcome: 'invalid', why: 'name is too long' }, 422, /name is too long\.\nCorrect the object/],
] as const)('a claim that cannot be taken, %j, is refused the same way', (outcome, code, message) => {
  const refusal = claimTaken(outcome, 'claim gate');
  expect(refusal.code).toBe(code);
  expect(refusal.message).toMatch(message);
  expect(refusal.message.split('\n')).toHaveLength(2);
});
