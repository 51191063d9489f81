import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderTemplate } from './evaluate.ts';
import { parseTemplate } from './parse.ts';

const LIST = {
  kind: 'AddressList',
  items: [
    { mac: 'a4:58:0f:01:00:00', pool: 'development', device: { id: 'web', type: 'qemu-vm' }, generation: 1 },
    { mac: 'a4:58:0f:01:00:01', pool: 'docker', generation: 3, metadata: { 'example.com/rack': 'a7' } },
    { mac: 'a4:58:0f:01:00:02', pool: 'docker', generation: 2, reserved: true, none: null },
  ],
};

const render = (template: string, value: unknown = LIST) => renderTemplate(parseTemplate(template), value);

describe('a template', () => {
  test.each([
    ['text', 'no action', 'no action'],
    ['a field', '{.kind}', 'AddressList'],
    ['a field after the root', '{$.kind} {@.kind}', 'AddressList AddressList'],
    ['a field without a dot before brackets', "{['kind']}", 'AddressList'],
    ['nothing for a missing field', '[{.missing.deeper}]', '[]'],
    ['all items', '{.items[*].pool}', 'development docker docker'],
    ['an item', '{.items[1].pool}', 'docker'],
    ['an item from the end', '{.items[-1].mac}', 'a4:58:0f:01:00:02'],
    ['a slice', '{.items[0:2].generation}', '1 3'],
    ['a slice up to the end', '{.items[1:].generation}', '3 2'],
    ['every second item', '{.items[::2].generation}', '1 2'],
    ['several items', '{.items[0,2].generation}', '1 2'],
    ['several fields', "{.items[0]['mac','pool']}", 'a4:58:0f:01:00:00 development'],
    ['a name with a dot', "{.items[1].metadata['example\\.com/rack']}", 'a7'],
    ['a name with a dot after a dot', '{.items[1].metadata.example\\.com/rack}', 'a7'],
    ['all fields of an object', '{.items[0].device.*}', 'web qemu-vm'],
    ['a name at any depth', '{..id}', 'web'],
    ['an object as JSON', '{.items[0].device}', '{"id":"web","type":"qemu-vm"}'],
    ['a number, a boolean and null', '{.items[2].generation} {.items[2].reserved} {.items[2].none}', '2 true null'],
    ['items that are equal to a text', '{.items[?(@.pool=="docker")].generation}', '3 2'],
    ['items that are not', "{.items[?(@.pool!='docker')].generation}", '1'],
    ['items with a number above another', '{.items[?(@.generation >= 2)].generation}', '3 2'],
    ['items that have a field', '{.items[?(@.device)].mac}', 'a4:58:0f:01:00:00'],
    ['items with a nested field', '{.items[?(@.device.type=="qemu-vm")].device.id}', 'web'],
    ['items with a boolean', '{.items[?(@.reserved==true)].mac}', 'a4:58:0f:01:00:02'],
    ['quoted text with escapes', '{"a\\tb\\n"}{\'c\'}', 'a\tb\nc'],
    ['braces in quotes', '{"{}"}', '{}'],
    ['a range', '{range .items[*]}{.pool}={.generation}{"\\n"}{end}', 'development=1\ndocker=3\ndocker=2\n'],
    ['a range in a range', '{range .items[0:1]}{range .device.*}<{@}>{end}{end}!', '<web><qemu-vm>!'],
    ['a range without an end', '{range .items[*]}{.generation}', '132'],
    ['a range of nothing', '{range .none[*]}x{end}y', 'y'],
  ])('renders %s', (_case, template, wanted) => {
    expect(render(template)).toBe(wanted);
  });

  test('escapes characters of values that a terminal obeys, but not those of the template', () => {
    expect(render('{.a}{"\\n"}', { a: 'x\ny\u202e' })).toBe('x\\x0ay\\u{202e}\n');
    expect(render('{.a}', { a: ['\u202e'] })).toBe('["\\u202e"]');
  });
});

test.each([
  ['{.items', /is not closed/],
  ['{end}', /\{end\} has no \{range\}/],
  ['{.items[x]}', /"x" is no index/],
  ['{.items[]}', /\[\] names nothing/],
  ['{.}', /a name is missing/],
  ['{.items[?(@.a=="b"]}', /is not closed/],
  ['{.items[?(@.a==)]}', /is not understood/],
  ['{items}', /"items" is not understood/],
  ['{"\\q"}', /\\q is no escape/],
  ['{.items[::0]}', /at least 1/],
  ['{.items[7]}', /has 3 item\(s\), so there is no item 7/],
  ['{.kind[0]}', /AddressList is no list/],
  ['{.items[?(@.pool > 1)]}', /string and number have no order/],
])('%s is refused', (template, wanted) => {
  expect(() => render(template)).toThrow(wanted);
});

describe('for any value', () => {
  const name = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => !/[\\\n]/.test(text));
  const escaped = (text: string) => text.replaceAll(/[^\p{L}\p{N}_]/gu, '\\$&');

  test('a path of escaped names leads to the value that was put there', () => {
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), fc.integer(), (names, leaf) => {
        const value = names.reduceRight<unknown>((inner, each) => ({ [each]: inner }), leaf);
        expect(render(`{${names.map((each) => `.${escaped(each)}`).join('')}}`, value)).toBe(String(leaf));
      }),
    );
  });

  test('an index and a slice choose what an array chooses', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { minLength: 1, maxLength: 9 }),
        fc.integer({ min: -12, max: 12 }),
        fc.integer({ min: -12, max: 12 }),
        (list, start, end) => {
          expect(render(`{[${String(start)}:${String(end)}]}`, list)).toBe(list.slice(start, end).join(' '));
          const item = list.at(start);
          if (item === undefined) expect(() => render(`{[${String(start)}]}`, list)).toThrow(/no item/);
          else expect(render(`{[${String(start)}]}`, list)).toBe(String(item));
        },
      ),
    );
  });

  test('a template never crashes: it renders, or is refused with a reason', () => {
    const piece = fc.constantFrom(
      ...['{', '}', '[', ']', '(', ')', '?(', '@', '$', '.', '..', '*', ',', ':', '"', "'", '\\', ' '],
      ...['==', '<', 'range ', 'end', '.items', '.mac', '0', '-1', 'true', 'x', '\n'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        try {
          expect(typeof render(pieces.join(''))).toBe('string');
        } catch (error) {
          expect(error).toMatchObject({ name: 'JsonPathError' });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
