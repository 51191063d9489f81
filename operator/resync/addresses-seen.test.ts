import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { addressesSeen, type AddressUse } from './addresses-seen.ts';

const first = mac('a4:58:0f:05:00:01');
const second = mac('a4:58:0f:05:00:02');
const user = (macs: AddressUse['macs'], contested: AddressUse['macs'] = []): AddressUse => ({ macs, contested });

test.each<[string, readonly AddressUse[], readonly string[]]>([
  ['is seen if any object uses it, also one that owns nothing', [user([first, second])], [first, second]],
  ['is not seen if only an object uses it that does not own it', [user([first, second], [first])], [second]],
  ['is seen if its owner uses it too', [user([first], [first]), user([first])], [first]],
  ['is not seen if nobody uses it', [user([])], []],
])('an address %s', (_, uses, seen) => {
  expect([...addressesSeen(uses)]).toEqual(seen);
});
