import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createManualClock } from '../../test/doubles/manual-clock.ts';
import { createLedgerBreaker } from './ledger-breaker.ts';

function start() {
  const clock = createManualClock();
  const stopping = new AbortController();
  const ledger = { isAway: true, probes: 0 };
  const probe = () => {
    ledger.probes++;
    return ledger.isAway ? Promise.reject(new Error('away')) : Promise.resolve();
  };
  const logger = pino({ enabled: false });
  return { clock, stopping, ledger, breaker: createLedgerBreaker({ probe, clock, signal: stopping.signal, logger }) };
}

test('is closed until a request fails, and does not ask the ledger', async () => {
  const { breaker, clock, ledger } = start();
  await clock.advance(60_000);
  expect(breaker.isOpen()).toBe(false);
  expect(ledger.probes).toBe(0);
});

test('opens at the first failure, and closes within a second of the ledger’s return', async () => {
  const { breaker, clock, ledger } = start();
  breaker.failed();
  breaker.failed();
  expect(breaker.isOpen()).toBe(true);
  await clock.advance(10_000);
  expect(breaker.isOpen()).toBe(true);
  expect(ledger.probes).toBe(20);
  ledger.isAway = false;
  await clock.advance(500);
  expect(breaker.isOpen()).toBe(false);
});

test('stays open longer each time when the ledger answers probes and fails requests', async () => {
  const { breaker, clock, ledger } = start();
  ledger.isAway = false;
  const openMs: number[] = [];
  for (let times = 0; times < 7; times++) {
    breaker.failed();
    let ms = 0;
    for (; breaker.isOpen(); ms += 500) await clock.advance(500);
    openMs.push(ms);
  }
  expect(openMs).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  await clock.advance(30_000);
  breaker.failed();
  await clock.advance(500);
  expect(breaker.isOpen()).toBe(false);
});

test('ends its probe with the process', async () => {
  const { breaker, clock, stopping } = start();
  breaker.failed();
  stopping.abort();
  await breaker.ended();
  expect(clock.waiting).toBe(0);
  breaker.failed();
  expect(breaker.isOpen()).toBe(false);
});
