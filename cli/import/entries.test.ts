import { describe, expect, test } from 'vitest';
import { decideEntries, type PlacedAddress } from './entries.ts';

const found = (line: number, mac: string, changes: Partial<PlacedAddress> = {}): PlacedAddress => {
  return { file: 'a.csv', line, mac, device: 'web', defaultType: 'host', metadata: {}, ...changes };
};

describe('the addresses of files', () => {
  test('are sorted, in one notation, with the names and the type that the command wants', () => {
    const files = [
      found(1, 'A4-58-0F-01-00-01', { device: ' db ' }),
      found(2, 'a4580f010000', { type: 'kvm', device: '' }),
    ];
    expect(decideEntries(files, { type: 'vm', devicePrefix: 'host-1/', pool: 'development' })).toEqual({
      conflicts: [],
      entries: [
        {
          ...{ place: { file: 'a.csv', line: 2 }, mac: 'a4:58:0f:01:00:00', deviceId: 'a4:58:0f:01:00:00' },
          ...{ deviceType: 'kvm', defaultType: 'vm', pool: 'development', metadata: {} },
        },
        {
          ...{ place: { file: 'a.csv', line: 1 }, mac: 'a4:58:0f:01:00:01', deviceId: 'host-1/db' },
          ...{ deviceType: undefined, defaultType: 'vm', pool: 'development', metadata: {} },
        },
      ],
    });
  });

  test('that are named twice for one device are put together, with all its IP addresses', () => {
    const files = [
      found(1, 'a4:58:0f:01:00:00', { device: undefined, metadata: { ip: ['192.0.2.7/24'], rack: 'a7' } }),
      found(2, 'A4:58:0F:01:00:00', {
        pool: 'development',
        metadata: { ip: ['2001:DB8::7', '192.0.2.7'], hostname: 'Web', row: 3 },
      }),
    ];
    expect(decideEntries(files, {})).toMatchObject({
      conflicts: [],
      entries: [
        {
          ...{ place: { line: 1 }, deviceId: 'web', pool: 'development' },
          metadata: { ip: '192.0.2.7,2001:db8::7', hostname: 'web', rack: 'a7', row: 3 },
        },
      ],
    });
  });

  test('that are named for two devices are a conflict in each of their lines', () => {
    const files = [
      found(1, 'a4:58:0f:01:00:00'),
      found(9, 'a4580f010000', { file: 'b.csv', device: 'db' }),
      found(3, 'a4:58:0f:01:00:01'),
    ];
    const { entries, conflicts } = decideEntries(files, {});
    expect(entries).toMatchObject([{ mac: 'a4:58:0f:01:00:01' }]);
    const detail = 'web in a.csv:1, db in b.csv:9';
    expect(conflicts).toMatchObject([
      { place: { file: 'a.csv', line: 1 }, kind: 'two-devices', device: 'web', detail },
      { place: { file: 'b.csv', line: 9 }, kind: 'two-devices', device: 'db', detail },
    ]);
  });

  test('that are in a file twenty thousand times are decided in a moment', () => {
    const files = Array.from({ length: 20_000 }, (_, line) =>
      found(line, 'a4:58:0f:01:00:00', { device: `vm-${String(line)}` }),
    );
    const started = performance.now();
    const { conflicts } = decideEntries(files, {});
    expect({ count: conflicts.length, detail: conflicts[0]?.detail }).toEqual({
      count: 20_000,
      detail: 'vm-0 in a.csv:0, vm-1 in a.csv:1, vm-2 in a.csv:2, and 19997 more',
    });
    expect(
      decideEntries(
        files.map((each) => ({ ...each, device: 'web', metadata: { rack: 'a7' } })),
        {},
      ).entries,
    ).toHaveLength(1);
    expect(performance.now() - started).toBeLessThan(4_000);
  });

  test.each([
    ['', 'bad-address', 'there is no address'],
    ['hello', 'bad-address', 'hello is no MAC address of 48 bits'],
    ['01:00:5e:00:00:01', 'bad-address', '01:00:5e:00:00:01 is a multicast address, which no device owns'],
    ['ff:ff:ff:ff:ff:ff', 'bad-address', 'ff:ff:ff:ff:ff:ff is the broadcast address'],
    ['00:00:00:00:00:00', 'bad-address', '00:00:00:00:00:00 is no address of a device'],
  ])('%j is a conflict', (mac, kind, detail) => {
    expect(decideEntries([found(4, mac)], {})).toEqual({
      entries: [],
      conflicts: [{ place: { file: 'a.csv', line: 4 }, kind, mac, device: 'web', detail }],
    });
  });

  test.each([
    ['a wrong IP address', { metadata: { ip: ['192.0.2.700'] } }, /The ip .* is not valid/],
    ['an IP address that is no text', { metadata: { ip: ['192.0.2.7', 7] } }, /The ip .* is not valid/],
    ['a wrong host name', { metadata: { hostname: 'web_1' } }, /The hostname "web_1" is not valid/],
    ['a name that looks like another', { device: 'web\u200b' }, /nobody sees/],
    ['a value with a control character', { metadata: { rack: 'a\u001b[2J' } }, /nobody sees/],
  ])('with %s are a conflict', (_, changes, detail) => {
    const { conflicts } = decideEntries([found(4, 'a4:58:0f:01:00:00', changes)], {});
    expect(conflicts).toMatchObject([{ kind: 'bad-value', detail: expect.stringMatching(detail) as string }]);
  });
});
