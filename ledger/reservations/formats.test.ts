import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { EXPORT_FORMATS, type ExportFormat, renderReservations } from './formats.ts';
import { type HeldAddress, reservationsOf } from './reservation.ts';

const A = mac('a4:58:0f:00:00:01');

/** Returns the lines after the comment for one address with this metadata. */
function linesOf(format: ExportFormat, metadata: Record<string, unknown>): string[] {
  const { reservations } = reservationsOf([{ mac: A, pool: 'p', state: 'active', metadata, device: { id: 'vm' } }]);
  return renderReservations(format, reservations).text.split('\n').slice(1, -1);
}

const BOTH = { ip: '2001:db8::7,192.0.2.7,192.0.2.8', hostname: 'web-1.example.org' };

test.each<[ExportFormat, string[]]>([
  ['dnsmasq', [`${A},192.0.2.7,[2001:db8::7],web-1.example.org`]],
  [
    'isc',
    [
      `host mac-a4580f000001 { hardware ethernet ${A}; fixed-address 192.0.2.7, 192.0.2.8; option host-name "web-1.example.org"; }`,
    ],
  ],
  ['ethers', [`${A} web-1.example.org`]],
  ['hosts', ['2001:db8::7 web-1.example.org', '192.0.2.7 web-1.example.org', '192.0.2.8 web-1.example.org']],
  ['libvirt', [`<host mac='${A}' name='web-1.example.org' ip='192.0.2.7'/>`]],
  ['csv', [`${A},"2001:db8::7,192.0.2.7,192.0.2.8",web-1.example.org,vm,,p,active`]],
])('%s has one entry for a device', (format, lines) => {
  expect(linesOf(format, BOTH)).toEqual(lines);
});

test('kea and json are lists', () => {
  const { reservations } = reservationsOf([{ mac: A, pool: 'p', state: 'active', metadata: BOTH }]);
  const read = (format: ExportFormat) => JSON.parse(renderReservations(format, reservations).text) as unknown;
  expect(read('kea')).toEqual([{ 'hw-address': A, 'ip-address': '192.0.2.7', hostname: 'web-1.example.org' }]);
  expect(read('json')).toEqual([
    {
      mac: A,
      ips: ['2001:db8::7', '192.0.2.7', '192.0.2.8'],
      hostname: 'web-1.example.org',
      pool: 'p',
      state: 'active',
    },
  ]);
});

test.each<[ExportFormat, string[], string[], string[]]>([
  ['dnsmasq', [`${A},192.0.2.7`], [`${A},[2001:db8::7]`], [`${A},web`]],
  ['ethers', [`${A} 192.0.2.7`], [], [`${A} web`]],
  ['hosts', [], [], []],
  ['libvirt', [`<host mac='${A}' ip='192.0.2.7'/>`], [], []],
])('%s says what it can about a device with an IPv4 address, an IPv6 address or a name', (format, v4, v6, name) => {
  expect(linesOf(format, { ip: '192.0.2.7' })).toEqual(v4);
  expect(linesOf(format, { ip: '2001:db8::7' })).toEqual(v6);
  expect(linesOf(format, { hostname: 'web' })).toEqual(name);
});

test.each(['ignore', 'infinite', '12h', '30M', '1w', '5s'])(
  'dnsmasq gets no name that it takes for something else: %s',
  (hostname) => {
    expect(linesOf('dnsmasq', { ip: '192.0.2.7', hostname })).toEqual([`${A},192.0.2.7`]);
    expect(linesOf('dnsmasq', { hostname })).toEqual([]);
    // libvirt writes it into a line for dnsmasq.
    expect(linesOf('libvirt', { ip: '192.0.2.7', hostname })).toEqual([`<host mac='${A}' ip='192.0.2.7'/>`]);
  },
);

test('what a format cannot say is counted', () => {
  const { reservations } = reservationsOf([{ mac: A, pool: 'p', state: 'active', metadata: { ip: '2001:db8::7' } }]);
  expect(renderReservations('kea', reservations).leftOut).toBe(1);
  expect(renderReservations('json', reservations).leftOut).toBe(0);
});

describe('a hostile value', () => {
  /** Texts that would begin a line, a directive, a quote or a comment if they were written as they are. */
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .tuple(
        fc.constantFrom('web', '192.0.2.7', ''),
        fc.constantFrom('\n', '\r\n', '\u2028', ' ', ',', '"; include "/etc/shadow"; "', "'/><x a='", '#', '*/', '\0'),
        fc.constantFrom('dhcp-script=/bin/sh', 'set:evil', '10.0.0.1 bank.example', ''),
      )
      .map((parts) => parts.join('')),
    fc.constantFrom('web-1', 'ignore', '192.0.2.7', '2001:db8::7', '192.0.2.7,192.0.2.8'),
  );
  const address = fc.record({ ip: hostile, hostname: hostile, id: hostile, type: hostile, pool: fc.constant('p') });

  /** Every line that a file may have, whatever was stored. */
  const NAME = String.raw`[a-z\d][a-z\d.-]*`;
  const MAC = String.raw`([\da-f]{2}:){5}[\da-f]{2}`;
  const IP = String.raw`[\da-f:.]+`;
  const SHAPES: Partial<Record<ExportFormat, RegExp>> = {
    dnsmasq: new RegExp(`^(#.*|${MAC}(,${IP})?(,\\[${IP}\\])*(,${NAME})?)$`),
    isc: new RegExp(
      `^(#.*|host mac-[\\da-f]{12} \\{ hardware ethernet ${MAC};( fixed-address ${IP}(, ${IP})*;)?( option host-name "${NAME}";)? \\})$`,
    ),
    ethers: new RegExp(`^(#.*|${MAC} (${NAME}|${IP}))$`),
    hosts: new RegExp(`^(#.*|${IP} ${NAME})$`),
    libvirt: new RegExp(`^(<!--.*-->|<host mac='${MAC}'( name='${NAME}')? ip='${IP}'/>)$`),
  };

  test.each(EXPORT_FORMATS)('adds no line and no directive to %s', (format) => {
    fc.assert(
      fc.property(fc.array(address, { maxLength: 5 }), (stored) => {
        const held = stored.map(({ ip, hostname, id, type, pool }, index): HeldAddress => ({
          mac: mac(`a4:58:0f:00:00:0${String(index)}`),
          ...{ pool, state: 'active', device: { id, type }, metadata: { ip, hostname } },
        }));
        const { reservations } = reservationsOf(held);
        const { text, leftOut } = renderReservations(format, reservations);
        const shape = SHAPES[format];
        const rows = text.split('\n').slice(0, -1);
        expect(text.endsWith('\n')).toBe(true);
        if (shape !== undefined) {
          for (const row of rows) expect(row).toMatch(shape);
          if (format !== 'hosts') expect(rows).toHaveLength(reservations.length - leftOut + 1);
        } else if (format === 'csv') {
          expect(rows).toHaveLength(reservations.length + 1);
          for (const row of rows) expect(row).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        } else {
          expect(JSON.parse(text)).toHaveLength(reservations.length - leftOut);
        }
        expect(renderReservations(format, reservationsOf(held.toReversed()).reservations).text).toBe(text);
      }),
    );
  });
});
