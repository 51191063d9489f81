import { beforeEach, describe, expect, test } from 'vitest';
import type { LedgerErrorCode } from '../../ledger/error-codes.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { AdmissionRequest } from '../review/admission-review.ts';
import { unavailable } from '../review/refusal.ts';
import { readGateToken, signGateToken } from './gate-token.ts';
import {
  type GateReview,
  isLift,
  requesterOf,
  type SchedulingGateDeps,
  waitOrRefuse,
  waitWithoutAsking,
} from './wait-for-ledger.ts';

const KEY = Buffer.alloc(32, 7);
const GATED = { schedulingGates: [{ name: 'mac.rock-os.io/address' }] };
const AT = new Date('2026-11-30T09:00:00Z');

let opened: number;
let isOpen: boolean;
const gating: SchedulingGateDeps = {
  breaker: {
    isOpen: () => isOpen,
    failed: () => {
      opened++;
    },
  },
  keys: { current: () => KEY, all: () => [KEY] },
  clusterId: 'c',
  operator: 'operator',
  now: () => AT,
};
const refusing: SchedulingGateDeps = { ...gating, breaker: undefined };

beforeEach(() => {
  opened = 0;
  isOpen = false;
});

function review(
  spec: object,
  {
    before,
    user = 'ann',
    token,
    kind = 'Pod',
  }: { before?: object; user?: string; token?: string; kind?: GateReview['kind'] } = {},
): GateReview {
  const annotations = token === undefined ? undefined : { 'mac.rock-os.io/gate-token': token };
  const metadata = { name: 'p', annotations };
  const request: AdmissionRequest = {
    uid: 'u',
    kind: { group: '', version: 'v1', kind },
    operation: before === undefined ? 'CREATE' : 'UPDATE',
    name: 'p',
    namespace: 'web',
    userInfo: { username: user },
    object: { metadata, spec },
    oldObject: before === undefined ? null : { metadata, spec: before },
  };
  return { request, object: { metadata, spec }, namespace: 'web', kind };
}

const away = (code: LedgerErrorCode) => ({ ...unavailable('no'), cause: new LedgerError(code, 'no') });

describe('while the ledger is away', () => {
  test('a new pod is stored with a gate and a token of its author, and a warning', () => {
    const response = waitOrRefuse(away('LEDGER_UNAVAILABLE'), review({}), gating);
    const [annotations] = response.allowed ? (response.patch ?? []) : [];
    const value = annotations?.op === 'add' ? (annotations.value as Record<string, string>) : {};
    const subject = { clusterId: 'c', namespace: 'web', name: 'p', generateName: '' };
    expect(readGateToken(value['mac.rock-os.io/gate-token'] ?? '', subject, [KEY])).toEqual({
      requester: 'ann',
      at: AT.toISOString(),
    });
    expect(response).toMatchObject({ allowed: true, warnings: [expect.stringContaining('ledger cannot be reached')] });
    expect(opened).toBe(1);
  });

  test.each<[string, GateReview]>([
    ['a pod that names its node', review({ nodeName: 'n1' })],
    ['an update of a pod', review({}, { before: {} })],
    ['a virtual machine', review({}, { kind: 'VirtualMachine' })],
  ])('%s is refused with the reason', (_, given) => {
    const refusal = away('LEDGER_TIMEOUT');
    expect(waitOrRefuse(refusal, given, gating)).toEqual({ allowed: false, refusal });
    expect(opened).toBe(1);
  });

  test('a pod is refused where the installation says so', () => {
    const refusal = away('LEDGER_UNAVAILABLE');
    expect(waitOrRefuse(refusal, review({}), refusing)).toEqual({ allowed: false, refusal });
    isOpen = true;
    expect(waitWithoutAsking(review({}), refusing)).toBeUndefined();
  });

  test('and known to be so, pods wait at once, and other objects still ask', () => {
    expect(waitWithoutAsking(review({}), gating)).toBeUndefined();
    isOpen = true;
    expect(waitWithoutAsking(review({}), gating)).toMatchObject({ allowed: true });
    expect(waitWithoutAsking(review({}, { before: GATED }), gating)).toMatchObject({ allowed: false });
    expect(waitWithoutAsking(review({}, { kind: 'VirtualMachine' }), gating)).toBeUndefined();
  });
});

test.each<[string, ReturnType<typeof away> | ReturnType<typeof unavailable>]>([
  ['an answer of the ledger, such as a full pool', unavailable('Pool x has no free address')],
  ['a value that the ledger never takes', away('BAD_REQUEST')],
  ['a login that the ledger does not accept', away('LEDGER_AUTH_FAILED')],
  ['a schema that does not fit', away('LEDGER_SCHEMA_TOO_NEW')],
])('%s refuses the pod, because waiting would not help', (_, refusal) => {
  expect(waitOrRefuse(refusal, review({}), gating)).toEqual({ allowed: false, refusal });
  expect(opened).toBe(0);
});

describe('who lifts a gate', () => {
  const subject = { clusterId: 'c', namespace: 'web', name: 'p', generateName: '' };
  const token = signGateToken(subject, { requester: 'ann', at: AT.toISOString() }, KEY);
  const lift = (user: string, brought?: string) =>
    review({}, { before: GATED, user, ...(brought !== undefined && { token: brought }) });

  test('as the operator gets the addresses for the author whom the token names', () => {
    expect(requesterOf(lift('operator', token), gating)).toEqual({
      ok: true,
      requester: { username: 'ann' },
      waitedSince: AT.toISOString(),
    });
  });

  test.each([
    ['without a token', undefined],
    ['with a made-up token', 'v1.e30.AAAA'],
    ['with the token of another pod', signGateToken({ ...subject, name: 'q' }, { requester: 'bob', at: '' }, KEY)],
  ])('as the operator from a pod %s gets nothing', (_, brought) => {
    expect(requesterOf(lift('operator', brought), gating)).toMatchObject({ ok: false, refusal: { code: 403 } });
  });

  test('in their own name gets the addresses in that name, whatever the token says', () => {
    expect(requesterOf(lift('bob', token), gating)).toEqual({ ok: true, requester: { username: 'bob' } });
  });
});

test.each([
  ['removes our gate', GATED, {}, true],
  ['keeps it', GATED, GATED, false],
  ['removes the gate of others', { schedulingGates: [{ name: 'x/y' }] }, {}, false],
  [
    'removes it and leaves that of others',
    { schedulingGates: [...GATED.schedulingGates, { name: 'x/y' }] },
    { schedulingGates: [{ name: 'x/y' }] },
    true,
  ],
])('an update that %s is a lift: %o to %o: %s', (_, before, after, wanted) => {
  expect(isLift(review(after, { before }).request)).toBe(wanted);
});

test('the creation of a pod is no lift', () => {
  expect(isLift(review({}).request)).toBe(false);
});
