import { expect, test } from 'vitest';
import { claimSpec } from './claim-spec.ts';

const request = { pool: 'development', device: { id: '', type: '' }, metadata: {} };

test('empty fields are left out', () => {
  expect(claimSpec(request)).toEqual({ pool: 'development' });
});

test('all fields of the request are set', () => {
  expect(
    claimSpec({
      ...request,
      device: { id: 'vm', type: 'qemu-vm' },
      metadata: { rack: 'a7', slot: 3, tags: ['x'] },
      reserved: true,
      expiresAfterSeconds: 604_800,
    }),
  ).toEqual({
    pool: 'development',
    device: { id: 'vm', type: 'qemu-vm' },
    attributes: { rack: 'a7', slot: '3', tags: '["x"]' },
    reserved: true,
    expiresAfter: '7d',
  });
});

test.each([
  ['too long', { note: 'x'.repeat(1_025) }, /"note" is too long/],
  ['too much', Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${String(index)}`, 'v'])), /too much/],
])('metadata that is %s is refused before a request is sent', (_, metadata, message) => {
  expect(() => claimSpec({ ...request, metadata })).toThrow(message);
});
