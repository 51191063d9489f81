import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type JsonSize, jsonSize } from './json-size.ts';

function sizeOf(text: string): JsonSize {
  return jsonSize(Buffer.from(text));
}

/** Counts the values and levels of a parsed value. */
function countValue(value: unknown): JsonSize {
  if (typeof value !== 'object' || value === null) return { values: 0, depth: 0 };
  const members = Object.values(value).map(countValue);
  return {
    values: 1 + Math.max(0, members.length - 1) + members.reduce((sum, { values }) => sum + values, 0),
    depth: 1 + Math.max(0, ...members.map(({ depth }) => depth)),
  };
}

describe('the size of JSON', () => {
  test.each([
    ['null', { values: 1, depth: 0 }],
    ['{}', { values: 2, depth: 1 }],
    ['[{},{},{}]', { values: 7, depth: 2 }],
    ['{"a":"{[,"}', { values: 2, depth: 1 }],
    [String.raw`["\"[{,","\\",[]]`, { values: 5, depth: 2 }],
    ['[[[', { values: 4, depth: 3 }],
    ['"no end', { values: 1, depth: 0 }],
  ])('of %s', (text, size) => {
    expect(sizeOf(text)).toEqual(size);
  });

  test('equals the size of the parsed value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const { values, depth } = countValue(value);
        expect(sizeOf(JSON.stringify(value))).toEqual({ values: values + 1, depth });
      }),
    );
  });
});
