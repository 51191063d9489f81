import { describe, expect, test } from 'vitest';
import { parseLibvirt } from './libvirt.ts';

const DOMAIN = `<?xml version="1.0"?>
<!-- edited by virsh -->
<domain type='kvm' id='3'>
  <name>web</name>
  <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>
  <metadata><app:name xmlns:app="urn:x">web</app:name></metadata>
  <devices>
    <interface type='network'>
      <mac address='52:54:00:11:22:33'/>
      <source network='default' portid='1' bridge='virbr0'/>
    </interface>
    <interface type='bridge'>
      <mac address='a4:58:0f:01:00:00'/><source bridge='br0'/>
    </interface>
    <interface type='hostdev'><source/></interface>
  </devices>
</domain>`;

const NETWORK = `<network>
  <name>lab</name>
  <ip address='192.0.2.1'>
    <dhcp>
      <host mac='52:54:00:00:00:01' name='db' ip='192.0.2.7'/>
      <host mac='52:54:00:00:00:02' ip='192.0.2.8'/>
    </dhcp>
  </ip>
  <ip family='ipv6' address='2001:db8::1'><dhcp><host id='0:3:0:1' name='six' ip='2001:db8::7'/></dhcp></ip>
</network>`;

const web = { device: 'web', defaultType: 'vm' };
const uuid = '4dea22b3-1d52-d8f3-2516-782e98ab3fa0';

describe('a file of libvirt', () => {
  test('names the interfaces of a domain, with its network or bridge', () => {
    expect(parseLibvirt(DOMAIN)).toEqual({
      ok: true,
      notes: [],
      found: [
        { ...web, line: 9, mac: '52:54:00:11:22:33', metadata: { uuid, network: 'default' } },
        { ...web, line: 13, mac: 'a4:58:0f:01:00:00', metadata: { uuid, bridge: 'br0' } },
      ],
    });
  });

  test('names the hosts of a network, but not those that it knows by a DUID', () => {
    expect(parseLibvirt(NETWORK)).toMatchObject({
      found: [
        {
          line: 5,
          mac: '52:54:00:00:00:01',
          device: 'db',
          metadata: { ip: ['192.0.2.7'], hostname: 'db', network: 'lab' },
        },
        { line: 6, mac: '52:54:00:00:00:02', device: undefined, metadata: { ip: ['192.0.2.8'], network: 'lab' } },
      ],
    });
    expect(parseLibvirt("<host mac='a4:58:0f:01:00:00' name='x' ip='192.0.2.9'/>")).toMatchObject({
      found: [{ device: 'x' }],
    });
  });

  test('may have several domains and networks one after the other, and the state of a running domain', () => {
    const several = [
      DOMAIN,
      NETWORK,
      `<domstatus state='running'>${DOMAIN.slice(DOMAIN.indexOf('<domain'))}</domstatus>`,
    ].join('\n');
    const parsed = parseLibvirt(several);
    expect(parsed.ok && parsed.found.map(({ line }) => line)).toEqual([9, 13, 22, 23, 34, 38]);
  });

  test('expands no entities, so that a small file stays small', () => {
    const bomb = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><domain><name>&b;</name></domain>';
    expect(parseLibvirt(bomb)).toMatchObject({ ok: false });
    expect(parseLibvirt('<domain><name>&b;</name></domain>')).toMatchObject({
      ok: false,
      unreadable: { line: 1, text: expect.stringContaining('no XML') as string },
    });
  });

  test.each([
    ['', undefined, 'there is no <domain> and no <network>'],
    ['<pool/>', undefined, 'but <pool>'],
    ['<domain>\n<name>a</nme>\n</domain>', 2, 'no XML'],
    ['<domain>\n', 2, 'no XML'],
  ])('%j cannot be read, with its line', (text, line, why) => {
    const parsed = parseLibvirt(text);
    expect(parsed).toMatchObject({ ok: false, unreadable: { line } });
    expect(parsed.ok || parsed.unreadable.text).toContain(why);
  });
});
