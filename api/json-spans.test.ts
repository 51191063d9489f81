import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elementSpans, memberSpans, splice } from './json-spans.ts';

test('elements of any JSON array are found at their positions', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (values, indent) => {
      const text = JSON.stringify(values, undefined, indent);
      const found = elementSpans(text).map((span) => JSON.parse(text.slice(span.start, span.end)) as unknown);
      expect(found).toEqual(JSON.parse(text));
    }),
  );
});

test('members of any JSON object are found at their positions', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const text = JSON.stringify(value);
      const found = memberSpans(text, { start: 0, end: text.length }).map(({ key, value: span }): [string, unknown] => [
        key,
        JSON.parse(text.slice(span.start, span.end)),
      ]);
      // A member named __proto__ is data like any other, so pairs are compared and not objects.
      const expected = JSON.stringify(Object.entries(JSON.parse(text) as object));
      expect(JSON.stringify(found)).toBe(expected);
    }),
  );
});

test('members are listed in order, even if a key occurs twice', () => {
  const text = '{ "mac" : "a" , "n":[{"mac":"x"}], "mac":"b" }';
  const members = memberSpans(text, { start: 0, end: text.length });
  expect(members.map(({ key }) => key)).toEqual(['mac', 'n', 'mac']);
  expect(members.map(({ value }) => text.slice(value.start, value.end))).toEqual(['"a"', '[{"mac":"x"}]', '"b"']);
});

test('edits leave every other byte unchanged', () => {
  const text = '[{"big":12345678901234567890,"a":1.0}]';
  const insert = { span: { start: 2, end: 2 }, text: '"mac":"x",' };
  expect(splice(text, [insert])).toBe('[{"mac":"x","big":12345678901234567890,"a":1.0}]');
});
