import { describe, expect, test } from 'vitest';
import { formatMetadataTerm, hasMetadata, metadataPath, parseMetadataTerm } from './metadata-term.ts';

const meets = (metadata: Record<string, unknown>, ...texts: readonly string[]) =>
  hasMetadata(metadata, texts.map(parseMetadataTerm));

test.each([
  ['rack', { key: 'rack' }],
  ['rack=a7', { key: 'rack', value: 'a7' }],
  ['rack=', { key: 'rack', value: '' }],
  ['sum=a=b', { key: 'sum', value: 'a=b' }],
])('%s is read as a condition, and written like that again', (text, term) => {
  expect(parseMetadataTerm(text)).toEqual(term);
  expect(formatMetadataTerm(term)).toBe(text);
});

describe('metadata', () => {
  test('meets a condition by its key, by its value, and by an item of a list', () => {
    expect(meets({ rack: 'a7' }, 'rack')).toBe(true);
    expect(meets({ rack: 'a7' }, 'rack=a7')).toBe(true);
    expect(meets({ rack: ['a6', 'a7'] }, 'rack=a7')).toBe(true);
    expect(meets({ rack: 'a7' }, 'rack=A7')).toBe(false);
    expect(meets({ rack: 'a7' }, 'row=a7')).toBe(false);
    expect(meets({ rack: { row: 'a7' } }, 'row=a7')).toBe(false);
  });

  test('meets a number and a boolean that were typed as text', () => {
    expect(meets({ vlan: 12 }, 'vlan=12')).toBe(true);
    expect(meets({ vlan: '12' }, 'vlan=12')).toBe(true);
    expect(meets({ ha: true }, 'ha=true')).toBe(true);
    expect(meets({ owner: null }, 'owner=null')).toBe(true);
    expect(meets({ vlan: 12 }, 'vlan=1')).toBe(false);
  });

  test('must meet all conditions', () => {
    expect(meets({ rack: 'a7', vlan: 12 }, 'rack=a7', 'vlan')).toBe(true);
    expect(meets({ rack: 'a7' }, 'rack=a7', 'vlan')).toBe(false);
  });

  test('has no key that only JavaScript knows', () => {
    expect(meets({}, 'constructor')).toBe(false);
    expect(meets({}, '__proto__')).toBe(false);
  });
});

test('a quote in a key or a value stays inside its text in the path', () => {
  expect(metadataPath([{ key: 'a"b', value: '" || 1 == 1' }])).toBe(String.raw`($."a\"b" == "\" || 1 == 1")`);
});
