import { expect, test } from 'vitest';
import { mac } from '../mac/mac-address.ts';
import { refuseChangedHolder } from './changed-holder.ts';

const address = { mac: mac('a4:58:0f:01:00:00'), generation: 3 };

test('the holder that a user saw may be changed', () => {
  expect(refuseChangedHolder(address, 3)).toBeUndefined();
  expect(refuseChangedHolder(address, undefined)).toBeUndefined();
});

test('another holder is refused, and so is one whose generation nobody knows', () => {
  expect(refuseChangedHolder(address, 2)?.cause).toContain('The holder of a4:58:0f:01:00:00 has changed');
  expect(refuseChangedHolder({ ...address, generation: undefined }, 2)).toBeDefined();
});
