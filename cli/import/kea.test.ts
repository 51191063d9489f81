import { describe, expect, test } from 'vitest';
import { parseKea } from './kea.ts';

const CONFIG = `// Kea
{ "Dhcp4": {
  # global
  "reservations": [ { "hw-address": "a4:58:0f:01:00:00", "hostname": "roaming.example.org." } ],
  "subnet4": [ {
    "subnet": "192.0.2.0/24", /* office
    */
    "pools": [ { "pool": "192.0.2.100-192.0.2.200" } ],
    "reservations": [
      { "hw-address": "a4:58:0f:01:00:01", "ip-address": "192.0.2.7", "hostname": "web#1//x" },
      { "client-id": "01:aa", "ip-address": "192.0.2.8" },
    ],
  } ],
  "shared-networks": [ { "name": "floor", "subnet4": [ {
    "subnet": "198.51.100.0/24",
    "reservations": [ { "ip-address": "198.51.100.7", "hw-address": "a4:58:0f:01:00:02" } ] } ] } ],
  "client-classes": [ { "name": "x", "test": "option[61].hex == 0x01" } ]
} }`;

describe('a file of Kea', () => {
  test('has reservations for all clients, for a subnet, and in a shared network', () => {
    expect(parseKea(CONFIG)).toEqual({
      ok: true,
      notes: [{ line: 11, text: 'a reservation by client-id names no hardware address' }],
      found: [
        {
          line: 4,
          mac: 'a4:58:0f:01:00:00',
          device: 'roaming.example.org.',
          defaultType: 'host',
          metadata: { hostname: 'roaming.example.org' },
        },
        {
          ...{ line: 10, mac: 'a4:58:0f:01:00:01', device: 'web#1//x', defaultType: 'host' },
          metadata: { ip: ['192.0.2.7'], subnet: '192.0.2.0/24' },
        },
        {
          ...{ line: 16, mac: 'a4:58:0f:01:00:02', device: undefined, defaultType: 'host' },
          metadata: { ip: ['198.51.100.7'], subnet: '198.51.100.0/24' },
        },
      ],
    });
  });

  test('has several addresses of a host with DHCPv6, and the answer of a command has a list of hosts', () => {
    const six =
      '{"Dhcp6":{"subnet6":[{"subnet":"2001:db8::/64","reservations":[{"hw-address":"a4:58:0f:01:00:00","ip-addresses":["2001:db8::7","2001:db8::8"]}]}]}}';
    expect(parseKea(six)).toMatchObject({ found: [{ metadata: { ip: ['2001:db8::7', '2001:db8::8'] } }] });
    const answer =
      '[{"arguments":{"hosts":[{"boot-file-name":"","hostname":"","hw-address":"a4:58:0f:01:00:00","ip-address":"192.0.2.7"}]},"result":0}]';
    expect(parseKea(answer)).toMatchObject({ found: [{ device: undefined, metadata: { ip: ['192.0.2.7'] } }] });
  });

  test('that includes another one says so', () => {
    const list = '{"Dhcp4":{"reservations":[<?include "/etc/kea/hosts.json"?>]}}';
    expect(parseKea(list)).toMatchObject({
      found: [],
      notes: [{ text: '<?include "/etc/kea/hosts.json"?> was not read: name that file too' }],
    });
    expect(parseKea('{"Dhcp4":{"reservations":<?include "/etc/kea/hosts.json"?>}}')).toMatchObject({
      unreadable: { line: 1, text: expect.stringContaining('must be pasted in') as string },
    });
    // The included file itself is a list without brackets.
    const included = '{"hw-address":"a4:58:0f:01:00:00"},\n{"hw-address":"a4:58:0f:01:00:01"},\n';
    expect(parseKea(included)).toMatchObject({ found: [{ line: 1 }, { line: 2 }] });
  });

  test.each([
    ['', 1, 'no JSON'],
    ['{"Dhcp4": {\n"a": b,\n"c": 1}}\n', 2, 'no JSON'],
    ['{"Dhcp4": {\n"a": 1\n"b": 2 }}\n', 3, 'no JSON'],
    ['{"Dhcp4": {\n"a": "b\n}}\n', 2, 'no JSON'],
    ['mac,device\nx,y\n', 1, 'no JSON'],
    ['{"Dhcp4": {}}', undefined, 'no reservation'],
  ])('%j cannot be read, with its line', (text, line, why) => {
    const parsed = parseKea(text);
    expect(parsed).toMatchObject({ ok: false, unreadable: { line } });
    expect(parsed.ok || parsed.unreadable.text).toContain(why);
  });
});
