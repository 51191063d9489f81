import { expect, test } from 'vitest';
import { readPoolDefinition } from './pool-definition.ts';

const range = { first: 'a4:58:0f:00:00:00', last: 'a4:58:0f:00:ff:ff' };

test('a MacPool without periods never releases automatically, has a reuse delay of one hour, and is sequential', () => {
  expect(readPoolDefinition('lab', range)).toEqual({
    ok: true,
    definition: {
      ...{ name: 'lab', ...range, description: '', autoReleaseSeconds: null, reuseDelaySeconds: 3_600 },
      strategy: 'sequential',
    },
  });
});

test('the periods of a MacPool are read in seconds', () => {
  const spec = { ...range, description: 'the lab', autoReleaseAfter: '24h', reuseDelay: '5m' };
  expect(readPoolDefinition('lab', spec)).toMatchObject({
    definition: { description: 'the lab', autoReleaseSeconds: 86_400, reuseDelaySeconds: 300 },
  });
});

test('the strategy of a MacPool is read', () => {
  expect(readPoolDefinition('lab', { ...range, strategy: 'random' })).toMatchObject({
    definition: { strategy: 'random' },
  });
});

test.each(['first', 'last'] as const)('a %s address that no device may own is named', (field) => {
  const read = readPoolDefinition('lab', { ...range, [field]: '01:00:5e:00:00:01' });
  expect(read).toEqual({ ok: false, field, why: 'multicast' });
});
