import { expect, test } from 'vitest';
import { createDemand } from './demand.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function start() {
  const time = { ms: 5 };
  return { time, demand: createDemand(() => time.ms) };
}

test('a pool that nobody asks for has no stock', () => {
  expect(start().demand.target(HOUR)).toBe(0);
});

test('a pool that is asked for at all has enough for the next tens of pods', () => {
  const { demand } = start();
  demand.record(1);
  expect(demand.target(0)).toBe(64);
});

test('the stock covers the busiest minute of the last ten', () => {
  const { demand, time } = start();
  demand.record(300);
  time.ms += 9 * MINUTE;
  demand.record(20);
  expect(demand.target(0)).toBe(300);
  time.ms += 2 * MINUTE;
  expect(demand.target(0)).toBe(64);
});

test('the stock covers an hour at the average rate of the last 59 minutes and the current one', () => {
  const { demand, time } = start();
  for (let minutes = 0; minutes < 120; minutes++) {
    demand.record(60);
    time.ms += MINUTE;
  }
  expect(demand.target(HOUR)).toBe(3_540);
  expect(demand.target(HOUR / 2)).toBe(1_770);
});

test('the first second of a process is not its average', () => {
  const { demand, time } = start();
  demand.record(10);
  time.ms += 1_000;
  expect(demand.target(HOUR)).toBe(600);
});

test('an hour without a pod ends the stock', () => {
  const { demand, time } = start();
  demand.record(500);
  time.ms += HOUR + MINUTE;
  expect(demand.target(HOUR)).toBe(0);
});
