import { expect, test } from 'vitest';
import { LedgerError } from '../../ledger/errors.ts';
import { mac } from '../../mac/mac-address.ts';
import { refuseAllocation, refuseClaim, type RefusedResult } from './refuse-allocation.ts';

const A = mac('a4:58:0f:05:00:01');
const context = { request: { nic: 'web/blue#0', requested: A }, namespace: 'web', pool: 'kubernetes' };

const table: readonly (readonly [RefusedResult, number, string, RegExp])[] = [
  [
    { outcome: 'in_use', mac: A, holder: { state: 'active' } },
    409,
    'Conflict',
    /MAC a4:58:0f:05:00:01 on web\/blue#0 is held by another owner\.\nLeave it out/,
  ],
  [
    { outcome: 'in_use', mac: A, holder: { state: 'released', until: new Date('2030-01-01T00:00:00Z') } },
    409,
    'Conflict',
    /released, and until 2030-01-01T00:00:00\.000Z only its last owner can get it\.\nTry again then/,
  ],
  [
    { outcome: 'in_use', mac: A, holder: { state: 'stocked' } },
    409,
    'Conflict',
    /on web\/blue#0 is set aside for a webhook, which gives it to a new pod\.\nLeave it out/,
  ],
  [{ outcome: 'key_conflict' }, 409, 'Conflict', /already holds another address\.\nTry again in two minutes/],
  [{ outcome: 'out_of_range' }, 422, 'Invalid', /not in pool kubernetes\.\nRequest an address of that pool/],
  [{ outcome: 'exhausted' }, 503, 'ServiceUnavailable', /Pool kubernetes has no free address\.\nRelease/],
  [
    { outcome: 'exhausted', nextReuseAt: new Date('2030-01-01T00:00:00Z') },
    503,
    'ServiceUnavailable',
    /the next one is free at 2030-01-01T00:00:00\.000Z/,
  ],
  [{ outcome: 'pool_not_found' }, 503, 'ServiceUnavailable', /does not exist in the ledger\.\nCreate that MacPool/],
  [{ outcome: 'pool_paused' }, 503, 'ServiceUnavailable', /is paused.*\nAsk the platform team/],
  [{ outcome: 'not_adopted' }, 503, 'ServiceUnavailable', /may not allocate yet.*\nTry again/],
  [{ outcome: 'pending_cap' }, 503, 'ServiceUnavailable', /never stored\.\nTry again in two minutes/],
  [
    { outcome: 'not_open', why: 'recovering' },
    503,
    'ServiceUnavailable',
    /recovering from a failover or a restore\.\nTry again/,
  ],
  [
    { outcome: 'ledger_error', error: new LedgerError('LEDGER_TIMEOUT', 'Nothing was heard') },
    503,
    'ServiceUnavailable',
    /request to the ledger failed \(LEDGER_TIMEOUT\).*\nTry again; if it keeps failing/,
  ],
  [{ outcome: 'retry' }, 503, 'ServiceUnavailable', /still searching the pool for a free address\.\nTry again/],
];

test.each(table)('%j is refused with its status, the cause and the next step', (result, code, reason, message) => {
  const refusal = refuseAllocation(result, context);
  expect(refusal).toMatchObject({ code, reason });
  expect(refusal.message).toMatch(message);
  expect(refusal.message.split('\n')).toHaveLength(2);
});

test('the message of a ledger error goes to the log of the webhook, not to the author of a pod', () => {
  const error = new LedgerError(
    'LEDGER_UNAVAILABLE',
    'The ledger could not be reached: connect ECONNREFUSED 10.0.0.7:5432',
  );
  const refusal = refuseAllocation({ outcome: 'ledger_error', error }, context);
  expect(refusal.message).not.toMatch(/10\.0\.0\.7|Postgres/);
  expect(refusal.cause).toBe(error);
});

test('a value that the ledger cannot store is named in the refusal', () => {
  const error = new LedgerError('BAD_REQUEST', 'The name is too long');
  expect(refuseAllocation({ outcome: 'ledger_error', error }, context)).toEqual({
    code: 422,
    reason: 'Invalid',
    message: 'The name is too long. Correct the value and try again.',
  });
});

test('the holder and the pool of the address are named if the requester may know them', () => {
  const held: RefusedResult = { outcome: 'in_use', mac: A, holder: { state: 'active' } };
  expect(refuseAllocation(held, { ...context, holder: 'Pod lab/one' }).message).toMatch(/held by Pod lab\/one\./);
  const elsewhere = refuseAllocation({ outcome: 'out_of_range' }, { ...context, otherPool: 'production' });
  const nowhere = refuseAllocation({ outcome: 'out_of_range' }, { ...context, otherPool: null });
  expect(nowhere).toMatchObject({
    code: 422,
    message: expect.stringMatching(/, nor in any other\.\nRequest/) as string,
  });
  expect(elsewhere).toMatchObject({ code: 403, reason: 'Forbidden' });
  expect(elsewhere.message).toMatch(
    /is in pool production, but namespace web uses pool kubernetes\.\nRequest an address of pool kubernetes/,
  );
});

test('the consumer of a claim is named', () => {
  const { message } = refuseClaim({ outcome: 'in_use' }, { name: 'gate' }, 'Pod web-0');
  expect(message).toMatch(/^The address of claim gate is in use by Pod web-0\.\n.*Recreate/);
});

test('a claim that is held for a pod which may still run names what to wait for', () => {
  const { code, message } = refuseClaim({ outcome: 'in_use' }, { name: 'gate', isHeld: true }, 'Pod web-0');
  expect(code).toBe(409);
  expect(message).toMatch(/claim gate is held for Pod web-0, which was deleted before .*\.\nTry again when the node/);
});

test.each([
  [{ outcome: 'in_use' }, 409, /claim gate is in use by another object\.\nTry again when that object is deleted/],
  [{ outcome: 'unknown' }, 503, /no longer holds the address of claim gate\.\nTry again/],
  [{ outcome: 'not_open', why: 'paused' }, 503, /an administrator has paused it\.\nTry again/],
  [{ outcome: 'invalid', why: 'name is too long' }, 422, /name is too long\.\nCorrect the object/],
] as const)(
  'a claim that cannot be used, %j, is refused with its status, the cause and the next step',
  (outcome, code, message) => {
    const refusal = refuseClaim(outcome, { name: 'gate' });
    expect(refusal.code).toBe(code);
    expect(refusal.message).toMatch(message);
    expect(refusal.message.split('\n')).toHaveLength(2);
  },
);

test('an address whose last pod may still run names the claim that says what to do, and the node only to who may know it', () => {
  const result: RefusedResult = { outcome: 'consumer_unreachable', mac: A, node: 'n7' };
  const asked = { ...context, request: { nic: 'eth0', sticky: { claim: 'web-0-0123abcd' } } };
  const { code, message } = refuseAllocation(result, asked);
  expect(code).toBe(409);
  expect(message).toMatch(
    /may run on a node, which.*\n.*condition ConsumerUnreachable of MacAllocation web-0-0123abcd/,
  );
  expect(message).not.toMatch(/n7|a4:58/);
  expect(refuseAllocation(result, { ...asked, node: 'n7' }).message).toMatch(/may run on node n7,/);
});

test.each(['pool_not_found', 'pool_paused'] as const)(
  'the annotation that named the pool is in the refusal: %s',
  (outcome) => {
    const poolNamedBy = 'annotation mac.rock-os.io/pool of network web/blue';
    const { message } = refuseAllocation({ outcome }, { ...context, poolNamedBy });
    expect(message).toContain(`Pool kubernetes, which ${poolNamedBy} names, `);
  },
);
