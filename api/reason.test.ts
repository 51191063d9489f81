import { expect, test } from 'vitest';
import { readReason } from './reason.ts';

test.each([
  ['  ticket 4711 ', 'ticket 4711'],
  ['ä'.repeat(512), 'ä'.repeat(512)],
  ['ä'.repeat(513), undefined],
  ['two\nlines', undefined],
  ['a\u{202e}b', undefined],
  ['', undefined],
  [undefined, undefined],
])('the reason %j is read as %j', (text, reason) => {
  expect(readReason(text)).toBe(reason);
});
