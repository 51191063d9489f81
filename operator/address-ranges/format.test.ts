import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import { formatAddressRanges } from './format.ts';

test('the address ranges are lines that a policy can split', () => {
  const pools = [
    { name: 'production', first: mac('a4:58:0f:00:00:01'), last: mac('a4:58:0f:00:ff:ff') },
    { name: 'docker', first: mac('a4:58:0f:04:00:00'), last: mac('a4:58:0f:04:ff:ff') },
  ];
  expect(formatAddressRanges([macPrefix('A4-58-0F')], pools)).toEqual({
    prefixes: 'a4:58:0f',
    pools: 'production a4:58:0f:00:00:01 a4:58:0f:00:ff:ff\ndocker a4:58:0f:04:00:00 a4:58:0f:04:ff:ff',
  });
});
