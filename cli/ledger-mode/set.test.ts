import { expect, test } from 'vitest';
import { changed } from './set.ts';

const before = { metadata: { rack: 'a6', vlan: 12 }, type: 'switch' };

test('a change keeps what it does not name', () => {
  const after = changed(before, { values: { rack: 'a7' }, without: [], type: undefined });
  expect(after).toEqual({ metadata: { rack: 'a7', vlan: 12 }, type: 'switch' });
});

test('a key and the type are removed', () => {
  expect(changed(before, { values: {}, without: ['rack', 'none'], type: null })).toEqual({
    metadata: { vlan: 12 },
    type: undefined,
  });
});
