import { expect, test } from 'vitest';
import { DEFAULT_POOLS } from '../../api/default-pools.ts';
import { readLegacyConfig } from './predecessor-config.ts';

const FILE = `
mac_dispenser:
  prefix: "A4-58-0F"
  database: {path: ~/.rock/mac-dispenser.db, backup_path: /backup, auto_backup: true, retention_days: 365}
  allocation: {mode: sequential, reserve_first: 2, max_address: "ff:ff:ff", allow_reuse: true}
  pools:
    production: {range: "00:00:00-00:ff:ff", description: "Production hosts", auto_release_days: 0}
    development: {range: "01:00:00-01:ff:ff", description: "Development VMs", auto_release_days: 7}
    lab: {range: "20:00:00-20:00:00"}
  api: {enabled: false, port: 8080, tls: {cert: x}}
  logging: {file: /var/log/x.log}
`;

test("the predecessor's configuration file is read, and keys without effect are reported", () => {
  const { warnings, keptBack, ...config } = readLegacyConfig(FILE);
  const [production, development] = DEFAULT_POOLS;
  expect(config).toEqual({
    prefix: 'a4:58:0f',
    databasePath: '~/.rock/mac-dispenser.db',
    pools: [
      production,
      development,
      {
        name: 'lab',
        first: 'a4:58:0f:20:00:00',
        last: 'a4:58:0f:20:00:00',
        description: '',
        autoReleaseSeconds: null,
        reuseDelaySeconds: 86_400,
        strategy: 'sequential',
      },
    ],
  });
  expect(keptBack).toEqual([
    'a4:58:0f:00:00:01',
    'a4:58:0f:00:00:02',
    'a4:58:0f:01:00:00',
    'a4:58:0f:01:00:01',
    'a4:58:0f:20:00:00',
  ]);
  expect(warnings).toEqual([
    'database.backup_path has no effect',
    'database.auto_backup has no effect',
    'database.retention_days has no effect',
    'api.enabled has no effect',
    'api.port has no effect',
    'api.tls.cert has no effect',
    'logging.file has no effect',
  ]);
});

test('pools of the mode random are random', () => {
  const { warnings, pools } = readLegacyConfig(FILE.replace('mode: sequential', 'mode: random'));
  expect(pools.map(({ strategy }) => strategy)).toEqual(['random', 'random', 'random']);
  expect(warnings).not.toContain('allocation.mode has no effect');
});

test('a value that the ledger does not support is reported', () => {
  const { warnings } = readLegacyConfig('mac_dispenser: {allocation: {mode: nearest, allow_reuse: false}}');
  expect(warnings).toEqual(['allocation.mode has no effect', 'allocation.allow_reuse has no effect']);
});

test.each(['constructor', 'toString', '__proto__'])('a key %s is one like any other', (key) => {
  const { warnings } = readLegacyConfig(`mac_dispenser: {allocation: {mode: sequential}, ${key}: 1}`);
  expect(warnings).toEqual([`${key} has no effect`]);
});

test.each([
  ['not yaml: [', /not YAML/],
  ['hello', /not a configuration file/],
  ['mac_dispenser: {prefix: xyz}', /prefix "xyz" is not/],
  ['mac_dispenser: {pools: {a: {range: "01:00:00"}}}', /pools\.a\.range/],
  ['mac_dispenser: {pools: {a: {range: "02:00:00-01:00:00"}}}', /pools\.a\.range/],
  ['mac_dispenser: {pools: {a: {range: "01:00:00-01:00:01", auto_release_days: -1}}}', /auto_release_days/],
])('%s is refused with the reason', (text, message) => {
  expect(() => readLegacyConfig(text)).toThrow(message);
});
