import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { EXIT_CODES, refusalText } from '../errors.ts';
import { explainRefusal } from './refusals.ts';

const address = mac('a4:58:0f:01:00:00');
const context = { pool: 'developement', poolNames: ['development', 'docker'] };

test.each([
  ['an unknown pool', { outcome: 'pool_not_found' }, 1, /no pool "developement"\. Did you mean development\?/],
  ['a paused pool', { outcome: 'pool_paused' }, 7, /is paused/],
  ['a pool without addresses', { outcome: 'exhausted' }, 5, /has no free address\./],
  [
    'a pool that soon has an address',
    { outcome: 'exhausted', nextReuseAt: new Date(2026, 0, 31, 9, 5) },
    5,
    /free at 2026-01-31 09:05/,
  ],
  [
    'an address that a device holds',
    { outcome: 'in_use', mac: address, holder: { state: 'active', device: { id: 'vm-1' } } },
    4,
    /a4:58:0f:01:00:00 is held by vm-1 \(active\)\./,
  ],
  [
    'an address in its reuse delay',
    { outcome: 'in_use', mac: address, holder: { state: 'released', until: new Date(2026, 0, 31, 9, 5) } },
    4,
    /was released, and until 2026-01-31 09:05 only its last owner can get it/,
  ],
  [
    'a request key of another address',
    { outcome: 'key_conflict' },
    4,
    /already belongs to a request for another device/,
  ],
  ['a closed ledger', { outcome: 'not_open', why: 'recovering' }, 7, /allocates no addresses now/],
  ['an address outside the pool', { outcome: 'out_of_range' }, 1, /not in pool/],
] as const)('%s', (_, refusal, code, words) => {
  const explained = explainRefusal(refusal, context);
  expect(refusalText(explained)).toMatch(words);
  expect(EXIT_CODES[explained.exit]).toBe(code);
});
