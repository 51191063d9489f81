import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isVisible, isVisibleJson, visibleText } from './visible-text.ts';

const HIDDEN = {
  'a line end': 'a\nb',
  'a tab': 'a\tb',
  'an escape sequence': '\u001b[2J',
  'a character of C1': 'a\u009bb',
  'a direction mark': 'vm-\u202etsop',
  'an isolate': 'a\u2066b',
  'a zero-width space': 'a\u200bb',
  'a soft hyphen': 'a\u00adb',
  'a byte order mark': '\ufeffa',
  'a line separator': 'a\u2028b',
  'half of a surrogate pair': 'a\ud800',
  'a tag character': 'a\u{e0041}',
};

describe('a name with', () => {
  test.each(Object.entries(HIDDEN))('%s is not visible', (_, text) => {
    expect(isVisible(text)).toBe(false);
    expect(isVisibleJson({ [text]: 1 })).toBe(false);
    expect(isVisibleJson({ rack: ['a', { slot: text }] })).toBe(false);
  });
});

test.each(['', 'web-1', 'Büro 3 (Süd)', 'サーバー', 'خادم', 'naïve', '🦊'])('%j is visible', (text) => {
  expect(isVisible(text)).toBe(true);
  expect(isVisibleJson({ [text]: [text, 1, null, true] })).toBe(true);
});

test('a text is visible if each of its characters is', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })), (characters) => {
      expect(isVisible(characters.join(''))).toBe(characters.every(isVisible));
    }),
  );
});

test('one hidden character anywhere makes a text hidden', () => {
  const visible = fc.string({ unit: 'grapheme-ascii' });
  fc.assert(
    fc.property(visible, fc.constantFrom(...Object.values(HIDDEN)), visible, (before, hidden, after) => {
      expect(isVisible(before + hidden + after)).toBe(false);
    }),
  );
});

test('a custom resource accepts the same texts', () => {
  const type = visibleText('A name.', 10_000);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(type.safeParse(text).success).toBe(isVisible(text));
    }),
  );
});
