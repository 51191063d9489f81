import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalIp, canonicalMetadata, hostnameOf, ipsOf, otherMetadata } from './well-known-metadata.ts';

describe('an IP address', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['10.0.0.0', '10.0.0.0'],
    ['2001:DB8:0:0:0:0:0:7', '2001:db8::7'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fd00::192.0.2.7', 'fd00::c000:207'],
  ])('%s becomes %s', (text, ip) => {
    expect(canonicalIp(text)).toBe(ip);
  });

  test.each([
    [
      'no address',
      ['', ' ', '192.0.2', '192.0.2.7.1', '192.0.2.256', '192.0.2.07', '0x7f.1', '192.0.2.7/24', '192.0.2.7.'],
    ],
    [
      'no address of IPv6',
      ['2001:db8::7::1', '2001:db8::7%eth0', '[2001:db8::7]', '::7]/x[', '1:2:3:4:5:6:7', 'fe80::1%2'],
    ],
    ['unspecified', ['0.0.0.0', '::']],
    ['a loopback address', ['127.0.0.1', '::1']],
    ['a link-local address', ['169.254.1.1', 'fe80::1', 'febf::1']],
    ['a multicast or broadcast address', ['224.0.0.1', '239.1.1.1', '255.255.255.255', 'ff02::1']],
    ['an IPv4 address in IPv6', ['::ffff:192.0.2.7', '::ffff:c000:207']],
  ])('is refused if it is %s', (_, texts) => {
    for (const text of texts) expect(canonicalIp(text), text).toBeUndefined();
  });

  test('is an address for Node.js too, and stays as it is when it is read again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
        const ip = canonicalIp(text);
        if (ip === undefined) return;
        expect(isIP(text)).toBe(isIP(ip));
        expect(isIP(ip)).toBeGreaterThan(0);
        expect(canonicalIp(ip)).toBe(ip);
      }),
    );
  });
});

describe('metadata', () => {
  test('has its addresses and its name in one notation, and keeps everything else', () => {
    expect(
      canonicalMetadata({ rack: 'a7', ip: '2001:DB8::7, 192.0.2.7,192.0.2.7', hostname: 'Web-1.Example.org' }),
    ).toEqual({
      ok: true,
      metadata: { rack: 'a7', ip: '2001:db8::7,192.0.2.7', hostname: 'web-1.example.org' },
    });
    expect(canonicalMetadata({ ip: ['192.0.2.8', '192.0.2.7'] })).toEqual({
      ok: true,
      metadata: { ip: '192.0.2.8,192.0.2.7' },
    });
    expect(canonicalMetadata({ IP: 'anything', host: '-' })).toEqual({
      ok: true,
      metadata: { IP: 'anything', host: '-' },
    });
  });

  test.each([
    ['ip', '192.0.2.7,'],
    ['ip', '192.0.2.7 192.0.2.8'],
    ['ip', '192.0.2.7\nserver-duid'],
    ['ip', []],
    ['ip', [['192.0.2.7']]],
    ['ip', 7],
    ['ip', null],
    ['ip', Array.from({ length: 17 }, (_, index) => `192.0.2.${String(index)}`)],
    ['hostname', ''],
    ['hostname', '-web'],
    ['hostname', 'web_1'],
    ['hostname', 'web.'],
    ['hostname', 'web..org'],
    ['hostname', 'a'.repeat(64)],
    ['hostname', `${'a.'.repeat(126)}aa`],
    ['hostname', '192.0.2.7'],
    ['hostname', '7'],
    ['hostname', 'web\n10.0.0.1 bank.example'],
    ['hostname', ['web']],
  ])('is refused if %s is %j, with what would be right', (key, value) => {
    const result = canonicalMetadata({ [key]: value });
    expect(result).toMatchObject({
      ok: false,
      problem: { key, cause: `The ${key} ${JSON.stringify(value)} is not valid.` },
    });
    expect(result.ok ? '' : result.problem.next).toContain('such as');
  });

  test('of an older row may be invalid, and then says nothing about addresses and names', () => {
    const metadata = { ip: '10.0.0.300', hostname: 'a b', rack: 'a7' };
    expect(ipsOf(metadata)).toEqual([]);
    expect(hostnameOf(metadata)).toBeUndefined();
    expect(otherMetadata(metadata)).toEqual(metadata);
    expect(otherMetadata({ ip: '192.0.2.7', hostname: 'a', rack: 'a7' })).toEqual({ rack: 'a7' });
  });
});
