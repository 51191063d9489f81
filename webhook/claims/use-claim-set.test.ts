import { describe, expect, test } from 'vitest';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { mac, macToNumber } from '../../mac/mac-address.ts';
import { systemClock } from '../../time/clock.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { useClaimSet } from './use-claim-set.ts';
import { createServedWaits } from './wait-while-served.ts';

const MAC = mac('a4:58:0f:00:00:01');
const taken = { outcome: 'taken', addr: macToNumber(MAC), held: 0, used: 0 };
const busy = { outcome: 'busy', addr: null, held: 2, used: 1 };
const noneUnused = { outcome: 'none_unused', addr: null, held: 2, used: 2 };

const pod: AdmittedObject = {
  kind: 'Pod',
  namespace: 'web',
  name: 'front',
  leaseId: undefined,
  requester: { username: 'ann' },
};

/** A ledger that gives these answers in turn, and the last one from then on. */
function aLedger(...answers: readonly (object | Error)[]) {
  const keys: unknown[] = [];
  let next = 0;
  const query: Queryable['query'] = async ({ text, values, row }) => {
    if (!text.includes('take_unused_claims')) return [row.parse({ kind: 'Pod', name: 'old' })];
    keys.push(values[2]);
    const answer = answers[Math.min(next++, answers.length - 1)];
    if (answer instanceof Error) throw answer;
    return await Promise.resolve([row.parse(answer)]);
  };
  return { ledger: { query }, keys };
}

async function use(
  answers: readonly (object | Error)[],
  {
    object = pod,
    age = 500,
    knowsCallers = true,
    forMs = 3_000,
    newestAge = 60_000,
  }: { object?: AdmittedObject; age?: number; knowsCallers?: boolean; forMs?: number; newestAge?: number } = {},
) {
  const { ledger, keys } = aLedger(...answers);
  const lists: number[] = [];
  const asked = systemClock.now();
  const result = await useClaimSet(
    { requests: [{ nic: 'eth1' }], selector: 'app=licensed' },
    object,
    {
      ledger,
      clusterId: 'c',
      claimLeaseSeconds: 60,
      knowsCallers,
      ticket: () => undefined,
      clock: systemClock,
      waitWhileServed: createServedWaits(systemClock),
      listClaims: (_, notBefore) => {
        lists.push(notBefore - asked);
        const readAt = Math.max(notBefore, asked - age);
        return Promise.resolve({ ok: true, uids: ['one', 'two', 'three'], readAt, newest: Date.now() - newestAge });
      },
    },
    Date.now() + forMs,
  );
  return { result, lists: lists.map((ms) => Math.round(ms / 1_000)), keys };
}

describe('a pod that selects claims', () => {
  test('gets one from a recent list', async () => {
    const { result, lists } = await use([taken]);
    expect(result).toEqual({ ok: true, macs: [MAC], warnings: [] });
    expect(lists).toEqual([-1]);
  });

  test('is refused only by a list that is younger than its request', async () => {
    const { result, lists } = await use([noneUnused, taken]);
    expect(result).toMatchObject({ ok: true });
    expect(lists).toEqual([-1, 0]);
    expect((await use([noneUnused], { age: -5 })).lists).toEqual([-1]);
  });

  test('tries again while others take claims of the set, and is refused in time if that does not end', async () => {
    expect(await use([busy, busy, taken])).toMatchObject({ result: { ok: true } });
    const started = Date.now();
    const { result } = await use([busy], { forMs: 200 });
    expect(result).toMatchObject({
      ok: false,
      refusal: { code: 503, message: expect.stringMatching(/taking the claims.*app=licensed/) as string },
    });
    expect(Date.now() - started).toBeLessThan(250);
  });

  test('waits for a new claim that has no address yet, for two seconds, and not for an old one nor if all have one', async () => {
    const served = await use([noneUnused, noneUnused, noneUnused, taken], { newestAge: 1_000, age: -5 });
    expect(served.result).toMatchObject({ ok: true });
    expect(served.keys).toHaveLength(4);
    const started = Date.now();
    expect((await use([noneUnused], { newestAge: 1_000 })).result).toMatchObject({ ok: false });
    expect(Date.now() - started).toBeGreaterThan(1_800);
    expect((await use([noneUnused], { newestAge: 11_000, age: -5 })).keys).toHaveLength(1);
    const all = { ...noneUnused, held: 3, used: 3 };
    expect((await use([all], { newestAge: 1_000, age: -5 })).keys).toHaveLength(1);
  });

  test('learns how many claims there are and who uses them, if the review is certainly of the API server', async () => {
    const message = async (knowsCallers: boolean) => {
      const { result } = await use([noneUnused], { knowsCallers });
      return result.ok ? '' : result.refusal.message;
    };
    expect(await message(true)).toMatch(/1 wanted, 3 there, 2 in use \(Pod old, 1 more\), 1 without an address/);
    expect(await message(false)).toMatch(/1 wanted, 3 there, 2 in use, 1 without an address/);
  });

  test('has the same key in each admission: by its name, or by the lease id of the request', async () => {
    const named = await use([taken]);
    expect((await use([taken])).keys).toEqual(named.keys);
    const nameless = await use([taken], { object: { ...pod, name: '', leaseId: 'lease-1' } });
    expect(nameless.keys).toEqual([expect.stringContaining('lease/lease-1/eth1') as string]);
  });

  test('waits for the ledger if it is away, like every other pod', async () => {
    const { result } = await use([new LedgerError('LEDGER_UNAVAILABLE', 'no connection')]);
    expect(result).toMatchObject({ ok: false, refusal: { code: 503, cause: { code: 'LEDGER_UNAVAILABLE' } } });
  });
});
