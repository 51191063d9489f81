import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { markDigits } from './mark-digits.ts';

const marked = (text: string) => [...markDigits(Uint8Array.of(0, 4, 0, 5), mac('a4:58:0f:05:00:2e'), text)];

test('marks the addresses that have the digits, whatever their state is', () => {
  expect(marked('05:00:2f')).toEqual([0, 0x84, 0, 5]);
  expect(marked('050030')).toEqual([0, 4, 0x80, 5]);
  expect(marked(':00:3')).toEqual([0, 4, 0x80, 0x85]);
});

test('marks nothing for a text that is no part of an address', () => {
  expect(marked('web')).toEqual([0, 4, 0, 5]);
  expect(marked('2e')).toEqual([0, 4, 0, 5]);
});
