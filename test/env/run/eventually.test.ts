import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';

describe('eventually', () => {
  it('gives what the first attempt that succeeds returned', async () => {
    let attempts = 0;
    const attempt = () => {
      if (++attempts < 3) throw new Error('not yet');
      return attempts;
    };
    expect(await eventually(attempt, { every: 1 })).toBe(3);
  });

  it('throws the last error when the time is over', async () => {
    let attempts = 0;
    const attempt = () => Promise.reject(new Error(`attempt ${++attempts}`));
    await expect(eventually(attempt, { within: 30, every: 10 })).rejects.toThrow(/attempt [2-4]/);
  });
});
