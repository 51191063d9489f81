import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';

describe('eventually', () => {
  it('returns the result of the first attempt that succeeds', async () => {
    let attempts = 0;
    const attempt = () => {
      if (++attempts < 3) throw new Error('not yet');
      return attempts;
    };
    expect(await eventually(attempt, { every: 1 })).toBe(3);
  });

  it('throws the last error after the timeout', async () => {
    let attempts = 0;
    const attempt = () => Promise.reject(new Error(`attempt ${++attempts}`));
    await expect(eventually(attempt, { within: 30, every: 10 })).rejects.toThrow(/attempt [2-4]/);
  });
});
