import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCsv } from './csv.ts';
import { parseDnsmasq } from './dnsmasq.ts';
import { parseKea } from './kea.ts';
import { parseLibvirt } from './libvirt.ts';
import { parseNetbox } from './netbox.ts';
import { lineFinder } from './parsed-file.ts';
import { parseProxmox } from './proxmox.ts';

const PARSERS = { parseCsv, parseLibvirt, parseProxmox, parseNetbox, parseKea, parseDnsmasq } as const;

/** Pieces of all formats, so that random texts come far into each parser. */
const PIECES = [
  ...[
    'mac',
    ',',
    ';',
    '"',
    '\n',
    '\r\n',
    '\t',
    ' ',
    'device',
    'metadata',
    '{}',
    'a4:58:0f:01:00:00',
    '00:00:5e:00:53:01',
  ],
  ...[
    '<domain>',
    '</domain>',
    '<mac address="a4:58:0f:01:00:00"/>',
    '<?xml version="1.0"?>',
    '<!DOCTYPE a [',
    '&lol;',
    ']>',
  ],
  ...[
    '<network>',
    '</network>',
    '<host mac="1" ip="2"/>',
    '<!--',
    '-->',
    '<devices><interface>',
    '</interface></devices>',
  ],
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    '"hw-address"',
    '"reservations"',
    '"results"',
    '"device"',
    '//',
    '/*',
    '*/',
    '#',
    'null',
    '<?include "x"?>',
  ],
  ...[
    'dhcp-host=',
    'set:x',
    'id:*',
    '[2001:db8::1]',
    '12h',
    'ignore',
    '*',
    'net0: virtio=',
    'hwaddr=',
    '[snapshot]',
    '\0',
    '\ud800',
    '\\',
  ],
];
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((pieces) => pieces.join('')),
);

describe.each(Object.entries(PARSERS))('%s', (_, parse) => {
  test('never throws, and gives addresses with their lines or says why it cannot', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const parsed = parse(text, '101.conf');
        const lines = text.split(/\r\n?|\n/).length;
        const isPlace = (line: number | undefined) => line === undefined || (line >= 1 && line <= lines);
        if (parsed.ok) expect([...parsed.found, ...parsed.notes].every(({ line }) => isPlace(line))).toBe(true);
        else expect(parsed.unreadable.text !== '' && isPlace(parsed.unreadable.line)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  test('reads a deep or a long text in a moment', () => {
    for (const piece of [
      '[',
      '{"a":',
      '<a>',
      '"',
      '#',
      'a,',
      '/*',
      '\n',
      '<?',
      'net0: ',
      ' ',
      '&a;',
      '\\"',
      '<?xml ',
    ]) {
      const started = performance.now();
      parse(piece.repeat(100_000), '101.conf');
      parse(`"${piece.repeat(100_000)}"`, '101.conf');
      expect({ piece, isFast: performance.now() - started < 5_000 }).toEqual({ piece, isFast: true });
    }
  });
});

test('a text of many megabytes in a file of JSON is read', () => {
  expect(parseKea(`[{ "hw-address": "a4:58:0f:01:00:00", "comment": "${'x'.repeat(20_000_000)}" }]`)).toMatchObject({
    ok: true,
  });
  expect(parseKea(`["${'\\n'.repeat(20_000_000)}"]`)).toMatchObject({ ok: false });
});

test('a line is found by its position', () => {
  const lineAt = lineFinder('a\nbc\n\nd');
  expect([0, 1, 2, 4, 5, 6, 7, 99].map(lineAt)).toEqual([1, 1, 2, 2, 3, 4, 4, 4]);
});
