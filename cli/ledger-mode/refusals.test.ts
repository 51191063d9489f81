import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { EXIT_CODES } from '../errors.ts';
import { refusalError } from './refusals.ts';

const address = mac('a4:58:0f:01:00:00');
const context = { pool: 'developement', poolNames: ['development', 'docker'] };

test.each([
  ['an unknown pool', { outcome: 'pool_not_found' }, 1, /no pool "developement"\. Did you mean development\?/],
  ['a paused pool', { outcome: 'pool_paused' }, 7, /is paused/],
  ['a pool without addresses', { outcome: 'exhausted' }, 5, /has no address left\./],
  [
    'a pool that soon has one',
    { outcome: 'exhausted', nextReuseAt: new Date(2026, 0, 31, 9, 5) },
    5,
    /free at 2026-01-31 09:05/,
  ],
  [
    'an address of a device',
    { outcome: 'in_use', mac: address, holder: { state: 'active', device: { id: 'vm-1' } } },
    4,
    /a4:58:0f:01:00:00 is active, held by vm-1\./,
  ],
  [
    'an address in its reuse delay',
    { outcome: 'in_use', mac: address, holder: { state: 'released', until: new Date(2026, 0, 31, 9, 5) } },
    4,
    /keeps its reuse delay until 2026-01-31 09:05/,
  ],
  ['a key that is used otherwise', { outcome: 'key_conflict' }, 4, /another address already/],
  ['a closed ledger', { outcome: 'not_open', why: 'recovering' }, 7, /hands out nothing now/],
  ['an address outside the pool', { outcome: 'out_of_range' }, 1, /not in pool/],
] as const)('%s', (_, refusal, code, words) => {
  const error = refusalError(refusal, context);
  expect(error.message).toMatch(words);
  expect(EXIT_CODES[error.exit]).toBe(code);
});
