import { describe, expect, test } from 'vitest';
import { parseDnsmasq } from './dnsmasq.ts';

const CONFIG = `# hosts
domain-needed
interface=eth0,eth1
dhcp-range=192.0.2.50,192.0.2.150,12h
server=/example.org/192.0.2.1
dhcp-host=A4:58:0F:01:00:00,set:red,web,192.0.2.7,[2001:db8::7],45m # the web server
dhcp-host = a4:58:0f:1:0:1 , a4:58:0f:01:00:02 , 192.0.2.8 , infinite
dhcp-host=id:01:02:02:04,192.0.2.60
dhcp-host=a4:58:0f:01:01:*,ignore
dhcp-host=06-a4:58:0f:01:00:03,id:*,net:blue,[::56],tag:green,ignore
`;

describe('a file of dnsmasq', () => {
  test('has dhcp-host lines whose parts may have any order', () => {
    const host = { defaultType: 'host' };
    expect(parseDnsmasq(CONFIG)).toEqual({
      ok: true,
      notes: [
        { line: 8, text: 'there is no hardware address in "id:01:02:02:04,192.0.2.60"' },
        { line: 9, text: 'a4:58:0f:01:01:* stands for many addresses' },
      ],
      found: [
        {
          ...{ ...host, line: 6, mac: 'A4:58:0F:01:00:00', device: 'web' },
          metadata: { ip: ['192.0.2.7', '2001:db8::7'], hostname: 'web', tags: 'red' },
        },
        { ...host, line: 7, mac: 'a4:58:0f:01:00:01', device: undefined, metadata: { ip: ['192.0.2.8'] } },
        { ...host, line: 7, mac: 'a4:58:0f:01:00:02', device: undefined, metadata: { ip: ['192.0.2.8'] } },
        {
          ...host,
          line: 10,
          mac: 'a4:58:0f:01:00:03',
          device: undefined,
          metadata: { tags: 'blue,green', ignored: true },
        },
      ],
    });
  });

  test('may be a dhcp-hostsfile, which has the same parts without the option', () => {
    expect(parseDnsmasq('a4:58:0f:01:00:00,192.0.2.7,web\n\n#c\nweb2,a4:58:0f:01:00:01\n')).toMatchObject({
      found: [
        { line: 1, device: 'web', metadata: { ip: ['192.0.2.7'] } },
        { line: 4, device: 'web2' },
      ],
    });
  });

  test('may be /etc/ethers, with a name or an IP address', () => {
    expect(parseDnsmasq('a4:58:f:1:0:0  web # x\n00:00:5e:00:53:01\t192.0.2.7\n')).toMatchObject({
      found: [
        { line: 1, mac: 'a4:58:0f:01:00:00', device: 'web', metadata: { hostname: 'web' } },
        { line: 2, device: undefined, metadata: { ip: ['192.0.2.7'] } },
      ],
    });
  });

  test('has names that look like something else', () => {
    expect(
      parseDnsmasq('a4:58:0f:01:00:00,aa-bb-cc-dd-ee-ff,192.0.2.7\na4:58:0f:01:00:01,deprecated # x\u2028y\n'),
    ).toMatchObject({
      found: [
        { mac: 'a4:58:0f:01:00:00', device: 'aa-bb-cc-dd-ee-ff', metadata: { ip: ['192.0.2.7'] } },
        { mac: 'a4:58:0f:01:00:01', device: 'deprecated' },
      ],
    });
    expect(parseDnsmasq('a4:58:0f:01:00:00 12h\na4:58:0f:01:00:01 ignore\n')).toMatchObject({
      found: [
        { device: '12h', metadata: { hostname: '12h' } },
        { device: 'ignore', metadata: { hostname: 'ignore' } },
      ],
    });
  });

  test.each(['', '# nothing\n', 'domain-needed\nserver=192.0.2.1\n'])('%j has no hosts', (text) => {
    expect(parseDnsmasq(text)).toMatchObject({
      ok: false,
      unreadable: { text: expect.stringContaining('no dhcp-host line') as string },
    });
  });
});
