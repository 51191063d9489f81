import { describe, expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { createManualClock } from '../../test/doubles/manual-clock.ts';
import { unavailable } from '../review/refusal.ts';
import type { FoundClaim } from './find-claim.ts';
import { waitForServedClaim } from './wait-for-claim.ts';
import { createServedWaits, MAX_WAITS } from './wait-while-served.ts';

const claim = { namespace: 'web', name: 'gateway' };
const ready: FoundClaim = {
  ok: true,
  claim: { name: 'gateway', pool: 'production', mac: mac('a4:58:0f:00:00:01'), key: 'claim/c/1' },
};
const served: FoundClaim = { ok: false, refusal: unavailable('not ready (Pending)'), isBeingServed: true };
const refused: FoundClaim = { ok: false, refusal: unavailable('not ready (PoolNotFound)') };

/** Starts a claim that each read finds as `now` says. */
function aClaim(first: FoundClaim) {
  const clock = createManualClock();
  const state = { now: first, reads: 0 };
  const findClaim = waitForServedClaim({
    waitWhileServed: createServedWaits(clock),
    find: () => {
      state.reads++;
      return Promise.resolve(state.now);
    },
  });
  const deadline = clock.date().getTime() + 3_000;
  return { clock, state, find: () => findClaim(claim, deadline), findClaim };
}

describe('a claim that is being served', () => {
  test('is used as soon as it has its address', async () => {
    const { clock, state, find } = aClaim(served);
    const finding = find();
    await clock.advance(350);
    state.now = ready;
    await clock.advance(100);
    expect(await finding).toBe(ready);
    expect(clock.waiting).toBe(0);
  });

  test.each([
    ['is refused an address', refused],
    ['is deleted', { ok: false, refusal: unavailable('is being deleted') } as const],
  ])('is refused as soon as it %s', async (_, end) => {
    const { clock, state, find } = aClaim(served);
    const finding = find();
    await clock.advance(150);
    state.now = end;
    await clock.advance(100);
    expect(await finding).toBe(end);
    expect(state.reads).toBe(3);
  });

  test('is refused after two seconds, and is not read any more', async () => {
    const { clock, state, find } = aClaim(served);
    const finding = find();
    await clock.advance(2_000);
    expect(await finding).toBe(served);
    const { reads } = state;
    await clock.advance(10_000);
    expect([state.reads, clock.waiting]).toEqual([reads, 0]);
  });

  test('is waited for only while there is time for the ledger', async () => {
    const { clock, state, findClaim } = aClaim(served);
    const finding = findClaim(claim, clock.date().getTime() + 1_000);
    await clock.advance(500);
    expect(await finding).toBe(served);
    expect(await findClaim(claim, clock.date().getTime() + 550)).toBe(served);
    expect(state.reads).toBe(7);
  });

  test('is refused at once to the seventeenth that waits, until one of the others has ended', async () => {
    const { clock, state, find } = aClaim(served);
    const waiting = Array.from({ length: MAX_WAITS }, find);
    await clock.advance(0);
    expect(await find()).toBe(served);
    await clock.advance(2_000);
    await Promise.all(waiting);
    const next = find();
    await clock.advance(50);
    state.now = ready;
    await clock.advance(100);
    expect(await next).toBe(ready);
  });

  test('gives its place to the next one when a read fails', async () => {
    const clock = createManualClock();
    let broken = false;
    const find = waitForServedClaim({
      waitWhileServed: createServedWaits(clock),
      find: () => (broken ? Promise.reject(new Error('no API server')) : Promise.resolve(served)),
    });
    const deadline = () => clock.date().getTime() + 3_000;
    const waiting = Array.from({ length: MAX_WAITS }, () => find(claim, deadline()));
    const settled = Promise.allSettled(waiting);
    await clock.advance(50);
    broken = true;
    await clock.advance(100);
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
    broken = false;
    const next = find(claim, deadline());
    await clock.advance(50);
    expect(clock.waiting).toBe(1);
    await clock.advance(3_000);
    expect(await next).toBe(served);
  });
});

test.each([
  ['has its address', ready],
  ['cannot get one', refused],
])('a claim that %s is not waited for', async (_, found) => {
  const { state, find } = aClaim(found);
  expect(await find()).toBe(found);
  expect(state.reads).toBe(1);
});
