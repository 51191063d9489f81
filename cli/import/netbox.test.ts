import { describe, expect, test } from 'vitest';
import { parseNetbox } from './netbox.ts';

const device = { id: 7, url: 'https://netbox/api/dcim/devices/7/', display: 'leaf-1', name: 'leaf-1', description: '' };
const machine = { id: 9, url: 'https://netbox/api/virtualization/virtual-machines/9/', display: 'vm-9', name: 'vm-9' };

/** An interface as /api/dcim/interfaces/ has it, with the fields that matter and some of the others. */
const nic = {
  id: 1,
  display: 'eth0',
  device,
  name: 'eth0',
  description: 'uplink',
  cable: { id: 3, label: '' },
  lag: null,
};

const pageOf = (results: readonly unknown[], next: string | null = null) => ({
  count: results.length,
  next,
  previous: null,
  results,
});
const text = (value: unknown) => JSON.stringify(value, null, 2);

describe('an answer of NetBox', () => {
  test('has interfaces of devices and of virtual machines', () => {
    const results = [
      { ...nic, mac_address: 'A4:58:0F:01:00:00' },
      { ...nic, id: 2, mac_address: null },
      { id: 4, virtual_machine: machine, name: 'ens3', mac_address: 'A4:58:0F:01:00:01', description: '' },
    ];
    expect(parseNetbox(text(pageOf(results)))).toEqual({
      ok: true,
      notes: [],
      found: [
        {
          ...{ line: 23, mac: 'A4:58:0F:01:00:00', device: 'leaf-1', defaultType: 'device' },
          metadata: { interface: 'eth0', description: 'uplink' },
        },
        {
          ...{ line: 53, mac: 'A4:58:0F:01:00:01', device: 'vm-9', defaultType: 'vm' },
          metadata: { interface: 'ens3' },
        },
      ],
    });
  });

  test('of version 4.2 has several addresses of an interface, each once', () => {
    const [first, second] = ['A4:58:0F:01:00:00', 'A4:58:0F:01:00:01'].map((mac_address, id) => ({
      id,
      display: mac_address,
      mac_address,
    }));
    const results = [
      { ...nic, mac_address: 'A4:58:0F:01:00:00', primary_mac_address: first, mac_addresses: [first, second] },
    ];
    const parsed = parseNetbox(text(pageOf(results)));
    expect(parsed.ok && parsed.found.map(({ mac, device: id }) => [mac, id])).toEqual([
      ['A4:58:0F:01:00:00', 'leaf-1'],
      ['A4:58:0F:01:00:01', 'leaf-1'],
    ]);
  });

  test('may be a list of MAC addresses, of which those without an interface are left out', () => {
    const results = [
      {
        id: 1,
        mac_address: 'A4:58:0F:01:00:00',
        assigned_object_type: 'dcim.interface',
        assigned_object_id: 1,
        assigned_object: nic,
      },
      {
        id: 2,
        mac_address: 'A4:58:0F:01:00:01',
        assigned_object_type: null,
        assigned_object_id: null,
        assigned_object: null,
      },
    ];
    expect(parseNetbox(text(pageOf(results)))).toMatchObject({
      found: [{ mac: 'A4:58:0F:01:00:00', device: 'leaf-1', metadata: { interface: 'eth0' } }],
      notes: [{ text: 'A4:58:0F:01:00:01 is assigned to no interface' }],
    });
  });

  test('of several pages is complete only with the last one', () => {
    const page = (next: string | null) => pageOf([{ ...nic, mac_address: 'A4:58:0F:01:00:00' }], next);
    const next = 'https://netbox/api/dcim/interfaces/?offset=50';
    expect(parseNetbox(text(page(next)))).toMatchObject({
      notes: [{ text: `there are more pages than this file has; the next one is ${next}` }],
    });
    expect(parseNetbox(text([page(next), page(null)]))).toMatchObject({ found: [{}, {}], notes: [] });
  });

  test('has an id for a device without a name', () => {
    const results = [{ ...nic, device: { ...device, name: null }, mac_address: 'A4:58:0F:01:00:00' }];
    expect(parseNetbox(text(results))).toMatchObject({ found: [{ device: 'netbox-7' }] });
  });

  test.each(['', '{"detail": "Invalid token"}', '<html>', '[]'])('%j cannot be read', (content) => {
    expect(parseNetbox(content)).toMatchObject({ ok: false });
  });
});
