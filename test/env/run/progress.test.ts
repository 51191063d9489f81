import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { elapsed, withProgress } from './progress.ts';

describe('progress', () => {
  it('is logged repeatedly until the work is done, and not after that', async () => {
    const lines: string[] = [];
    const options = { log: (line: string) => lines.push(line), everyMs: 10, describe: () => 'half way' };
    expect(await withProgress(options, () => sleep(55, 'done'))).toBe('done');
    const logged = lines.length;
    expect(logged).toBeGreaterThan(1);
    expect(lines[0]).toBe('0 s: half way');
    await sleep(30);
    expect(lines).toHaveLength(logged);
  });

  it.each([
    [400, '0 s'],
    [59_400, '59 s'],
    [95_000, '1 min 35 s'],
    [660_000, '11 min 0 s'],
  ])('formats %i ms as %s', (milliseconds, want) => {
    expect(elapsed(milliseconds)).toBe(want);
  });
});
