import { describe, expect, test } from 'vitest';
import { parseCsv } from './csv.ts';

describe('a CSV file', () => {
  test('names its columns in the first line, and every other column becomes metadata', () => {
    const text =
      'mac,device,type,pool,rack,note\nA4-58-0F-01-00-00,web,kvm,development,a7,"two\nlines"\na4580f010001,db,,,,\n';
    expect(parseCsv(text)).toEqual({
      ok: true,
      notes: [],
      found: [
        {
          ...{
            line: 3,
            mac: 'A4-58-0F-01-00-00',
            device: 'web',
            type: 'kvm',
            pool: 'development',
            defaultType: 'device',
          },
          metadata: { rack: 'a7', note: 'two\nlines' },
        },
        {
          line: 4,
          mac: 'a4580f010001',
          device: 'db',
          type: undefined,
          pool: undefined,
          defaultType: 'device',
          metadata: {},
        },
      ],
    });
  });

  test.each([
    ['semicolons', 'MAC;Device\r\na4:58:0f:01:00:00;web\r\n'],
    ['tabs', 'Mac\tDevice-ID\na4:58:0f:01:00:00\tweb\n'],
    ['a byte order mark', '\ufeffmac,device\na4:58:0f:01:00:00,web\n'],
    ['empty lines and spaces', '\nmac , device\n\n a4:58:0f:01:00:00 , web \n,\n\n'],
  ])('may have %s', (_, text) => {
    expect(parseCsv(text)).toMatchObject({ found: [{ mac: 'a4:58:0f:01:00:00', device: 'web' }] });
  });

  test('may have several columns of one meaning: the best one counts, and the others become metadata', () => {
    const text =
      'vm,device,mac,ip_address,ip\nweb,host-1,a4:58:0f:01:00:00,192.0.2.2,192.0.2.1\nweb,,a4:58:0f:01:00:01,192.0.2.3,\n';
    expect(parseCsv(text)).toMatchObject({
      found: [
        { device: 'host-1', metadata: { vm: 'web', ip: ['192.0.2.1'], ip_address: '192.0.2.2' } },
        { device: 'web', metadata: { ip: ['192.0.2.3'] } },
      ],
    });
  });

  test('may be a table of rock-mac, whose columns about the ledger are no metadata', () => {
    const exported =
      'mac,ip,hostname,device,type,pool,state,rack\na4:58:0f:01:00:00,192.0.2.1,web,web,kvm,development,active,a7\na4:58:0f:01:00:01,,db,db,,,reserved,\n';
    expect(parseCsv(exported)).toMatchObject({
      notes: [],
      found: [
        { metadata: { ip: ['192.0.2.1'], hostname: 'web', rack: 'a7' }, reserved: undefined },
        { metadata: { hostname: 'db' }, reserved: true },
      ],
    });
    const head =
      'mac,pool,state,device,type,cluster,namespace,kind,name,nic,allocatedAt,expiresAt,requester,metadata,ip,hostname';
    const rows = [
      'a4:58:0f:01:00:00,development,active,web,kvm,,,,,,2026-01-01T00:00:00Z,,me,"{""rack"":""a7""}",,',
      'a4:58:0f:01:00:01,development,released,db,kvm,,,,,,2026-01-01T00:00:00Z,,me,,,',
      'a4:58:0f:05:00:00,kubernetes,active,,,prod,default,Pod,web-0,net1,2026-01-01T00:00:00Z,,me,,,',
    ];
    expect(parseCsv([head, ...rows].join('\n'))).toMatchObject({
      notes: [
        { line: 3, text: 'a4:58:0f:01:00:01 is released, so no device has it' },
        { line: 4, text: 'a4:58:0f:05:00:00 belongs to Pod default/web-0, which is no device' },
      ],
      found: [{ mac: 'a4:58:0f:01:00:00', device: 'web', metadata: { rack: 'a7' } }],
    });
  });

  test('has IP addresses, a host name and JSON in the columns of these names', () => {
    const text = `mac,ip,hostname,metadata\na4:58:0f:01:00:00,"10.0.0.1, 2001:db8::1",web-1,"{""rack"":{""row"":3}}"\na4:58:0f:01:00:01,,,free text`;
    expect(parseCsv(text)).toMatchObject({
      found: [
        { metadata: { ip: ['10.0.0.1', '2001:db8::1'], hostname: 'web-1', rack: { row: 3 } } },
        { metadata: { metadata: 'free text' } },
      ],
    });
  });

  test.each([
    [
      'interfaces before 4.2',
      'Name,Device,Type,MAC Address,Description\neth0,leaf-1,1000BASE-T (1GE),A4:58:0F:01:00:00,uplink\n',
      {
        device: 'leaf-1',
        type: undefined,
        metadata: { Name: 'eth0', Type: '1000BASE-T (1GE)', Description: 'uplink' },
      },
    ],
    [
      'interfaces of virtual machines',
      'Name,Virtual Machine,Primary MAC\neth0,vm-7,A4:58:0F:01:00:00\n',
      { device: 'vm-7', metadata: { Name: 'eth0' } },
    ],
    [
      'MAC addresses',
      'MAC Address,Interface,Parent\nA4:58:0F:01:00:00,eth0,leaf-1\n',
      { device: 'leaf-1', metadata: { Interface: 'eth0' } },
    ],
  ])('may be an export of NetBox with %s', (_, text, wanted) => {
    expect(parseCsv(text)).toMatchObject({ found: [{ mac: 'A4:58:0F:01:00:00', ...wanted }] });
  });

  test.each([
    ['', undefined, 'empty'],
    ['address,device\n', 1, 'no column mac: the first line has "address", "device"'],
    ['mac,rack,rack\n', 1, 'two columns "rack"'],
    ['mac,device\na,"b', 2, 'no CSV'],
    ['mac,device\na,b\nc,d,e\n', 3, 'no CSV'],
  ])('%j cannot be read, with its line', (text, line, why) => {
    const parsed = parseCsv(text);
    expect(parsed).toMatchObject({ ok: false, unreadable: { line } });
    expect(parsed.ok || parsed.unreadable.text).toContain(why);
  });
});
