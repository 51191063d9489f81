import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from './installed-env.ts';
import { freshLedger, ledgerOfThisFile, readingUrl } from './ledger-fixture.ts';
import { type Ended, openPluginShell } from './plugin-shell.ts';
import { openShell, type RockMacShell } from './rock-mac-shell.ts';

/*
 * Everything that scripts for the predecessor rely on: commands, short flags, defaults, output lines, column widths and
 * exit codes. The authors of such scripts do not read release notes. Most tests run twice: with `rock-mac` on a ledger and
 * with `kubectl rock-mac` in a cluster.
 */

/** One of the two programs that a script may call. */
interface Program {
  /** The command that replaces `rock-mac` in the script. */
  readonly command: string;
  /** Lists everything. The plugin lists the current namespace otherwise, as kubectl does, and there `-l` selects labels. */
  readonly listAll: string;
  readonly limit: '-l' | '--limit';
  run(...args: readonly string[]): Promise<Ended>;
  bash(script: string): Promise<Ended>;
  /** Queries the ledger directly. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

const installed = installedEnvOfThisFile();

async function onLedger(): Promise<Program> {
  const ledger = await freshLedger();
  const shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.url });
  return {
    command: 'rock-mac',
    listAll: 'list',
    limit: '-l',
    run: shell.rockMac,
    bash: shell.bash,
    sql: ledger.sql,
    close: async () => {
      await shell.close();
      await ledger.close();
    },
  };
}

/** Runs as an administrator; plugin.test.ts tests the permissions of users. */
async function throughCluster(): Promise<Program> {
  const { plane, ledger } = installed();
  const { kubeconfig, kubectl, binaries } = plane;
  const shell = await openPluginShell(binaries.kubectl);
  await eventually(() => kubectl(['get', 'pools.ledger.mac.rock-os.io']), { within: 60_000 });
  return {
    command: 'kubectl rock-mac',
    listAll: 'list -A',
    limit: '--limit',
    run: (...args) => shell.rockMac(kubeconfig, ...args),
    bash: (script) => shell.bash(kubeconfig, script),
    sql: async (text, values) => (await ledger.connections.query<Record<string, unknown>>(text, values)).rows,
    close: shell.close,
  };
}

const MAC = /^a4:58:0f(?::[0-9a-f]{2}){3}$/;
const COLUMNS = 'pool, device_id, device_type, metadata';

describe.each([
  ['rock-mac', onLedger],
  ['kubectl rock-mac', throughCluster],
] as const)('%s', (_, open) => {
  let program: Program;

  beforeAll(async () => {
    program = await open();
  }, 120_000);

  afterAll(async () => {
    await program.close();
  });

  /** Runs a command that must succeed without messages on stderr. Returns stdout. */
  async function out(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await program.run(...args);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    return stdout;
  }

  async function allocated(...args: readonly string[]): Promise<string> {
    const stdout = await out('allocate', ...args);
    expect(stdout).toMatch(/^Allocated MAC: a4:58:0f(?::[0-9a-f]{2}){3}\n$/);
    return stdout.slice('Allocated MAC: '.length).trim();
  }

  /** Returns columns of an address from the ledger. */
  async function row(mac: string, columns = COLUMNS): Promise<Record<string, unknown> | undefined> {
    const [found] = await program.sql(`select ${columns} from rock_mac.allocations where mac_address = $1`, [mac]);
    return found;
  }

  /** Runs a bash script with this program in place of `rock-mac`. */
  const bash = (script: string) => program.bash(script.replaceAll('rock-mac ', `${program.command} `));

  describe('allocate', () => {
    test('prints one line, and defaults to development, no device, qemu-vm and {}', async () => {
      const mac = await allocated();
      expect(mac).toMatch(/^a4:58:0f:01:/);
      expect(await row(mac)).toEqual({ pool: 'development', device_id: null, device_type: 'qemu-vm', metadata: {} });
    });

    test('accepts its four flags in short and long form', async () => {
      const short = await allocated('-p', 'docker', '-d', 'c-1', '-t', 'container', '-m', '{"rack": "a7"}');
      const long = await allocated(
        ...['--pool', 'docker', '--device', 'c-1', '--type', 'container', '--metadata', '{"rack": "a7"}'],
      );
      const wanted = { pool: 'docker', device_id: 'c-1', device_type: 'container', metadata: { rack: 'a7' } };
      expect([await row(short), await row(long)]).toEqual([wanted, wanted]);
    });

    test.each(['-v', '--verbose'])('prints more with %s', async (flag) => {
      const lines = (await out('allocate', flag, '-d', 'vm-verbose')).split('\n');
      expect(lines[0]).toMatch(/^Allocated MAC: /);
      expect(lines.slice(1)).toEqual(['Pool: development', 'Device ID: vm-verbose', 'Device Type: qemu-vm', '']);
    });
  });

  describe('in a shell', () => {
    test('awk finds the address, and a trap releases it', async () => {
      const { stdout, code } = await bash(`
        set -e
        MAC=$(rock-mac allocate --pool development --device "vm-$(date +%s)" | awk '/Allocated MAC:/ {print $3}')
        trap "rock-mac release $MAC" EXIT
        echo "using $MAC"`);
      expect(code).toBe(0);
      const [using = '', released] = stdout.trimEnd().split('\n');
      expect(using.replace('using ', '')).toMatch(MAC);
      expect(released).toBe('Released 1 MAC address(es)');
    });

    test('grep and awk find the address', async () => {
      const { stdout } = await bash(`rock-mac allocate -d grep | grep "Allocated" | awk '{print $3}'`);
      expect(stdout.trim()).toMatch(MAC);
    });

    test('strings.TrimSpace(strings.TrimPrefix(out, "Allocated MAC: ")) returns the address', async () => {
      const text = await out('allocate', '--pool', 'experiment');
      const prefix = 'Allocated MAC: ';
      expect((text.startsWith(prefix) ? text.slice(prefix.length) : text).trim()).toMatch(MAC);
    });

    test('a failure stops a script with set -e', async () => {
      const { code, stdout } = await bash('set -e -o pipefail\nrock-mac allocate -p nowhere\necho not reached');
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    });
  });

  describe('reserve', () => {
    test('defaults to the next address of pool reserved and to type reserved', async () => {
      const stdout = await out('reserve');
      expect(stdout).toMatch(/^Reserved MAC: a4:58:0f:ff:(?:[0-9a-f]{2}:?){2}\n$/);
      const mac = stdout.slice('Reserved MAC: '.length).trim();
      expect(await row(mac, 'status, device_type, metadata')).toEqual({
        status: 'reserved',
        device_type: 'reserved',
        metadata: {},
      });
    });

    test('-m is the address and -d the device; metadata has no short form', async () => {
      const where = ['-p', 'production', '-m', 'a4:58:0f:00:12:34'];
      const what = ['-d', 'prod-01', '-t', 'host', '--metadata', '{"rack": "a7", "slot": 3}'];
      expect(await out('reserve', ...where, ...what)).toBe('Reserved MAC: a4:58:0f:00:12:34\n');
      // Attributes of a MacAllocation are texts.
      const metadata = { rack: 'a7', slot: program.command === 'rock-mac' ? 3 : '3' };
      expect(await row('a4:58:0f:00:12:34')).toEqual({
        ...{ pool: 'production', device_id: 'prod-01', device_type: 'host', metadata },
      });
    });

    test('records the pool whose range contains the address', async () => {
      expect(await out('reserve', '--mac', 'A4-58-0F-00-12-35')).toBe('Reserved MAC: a4:58:0f:00:12:35\n');
      expect(await row('a4:58:0f:00:12:35', 'pool')).toEqual({ pool: 'production' });
    });
  });

  describe('release', () => {
    test('releases an address, or all addresses of a device, and prints the number', async () => {
      const mac = await allocated('-d', 'one');
      expect(await out('release', mac)).toBe('Released 1 MAC address(es)\n');
      await allocated('-d', 'two');
      await allocated('-d', 'two', '-p', 'docker');
      expect(await out('release', 'two')).toBe('Released 2 MAC address(es)\n');
    });

    test.each(['nobody', 'a4:58:0f:01:77:77'])('succeeds with a message if nothing is held (%s)', async (what) => {
      expect(await out('release', what)).toBe(`No active allocations found for: ${what}\n`);
    });

    test.each(['-f', '--force'])('releases a reserved address only with %s', async (flag) => {
      const mac = (await out('reserve')).slice('Reserved MAC: '.length).trim();
      expect((await program.run('release', mac)).code).not.toBe(0);
      expect(await out('release', flag, mac)).toBe('Released 1 MAC address(es)\n');
    });

    test('treats a container id as a device, although it also parses as an address', async () => {
      await allocated('-d', '3f4e5a6b7c8d', '-p', 'docker');
      expect(await out('release', '3f4e5a6b7c8d')).toBe('Released 1 MAC address(es)\n');
    });
  });

  describe('show', () => {
    test('begins with five lines whose values start at the fifteenth character', async () => {
      const mac = await allocated('-d', 'shown', '-p', 'vultr');
      const lines = (await out('show', mac)).split('\n');
      expect(lines.slice(0, 4)).toEqual([
        `MAC Address:  ${mac}`,
        'Pool:         vultr',
        'Status:       active',
        'Device ID:    shown',
      ]);
      expect(lines[4]).toMatch(/^Allocated At: \d{4}-\d{2}-\d{2} \d{2}:\d{2}$/);
    });

    test('succeeds for an address that was never allocated', async () => {
      expect(await out('show', 'a4:58:0f:01:77:78')).toBe('MAC address not found: a4:58:0f:01:77:78\n');
    });
  });

  describe('list', () => {
    test('has columns of 20, 12, 20 and 10, a line of 80 dashes, rows newest first, and a total', async () => {
      const older = await allocated('-d', 'older', '-p', 'vultr');
      const newer = await allocated('-d', 'newer', '-p', 'vultr');
      const lines = (await out('list', '-p', 'vultr')).split('\n');
      expect(lines[0]).toBe('MAC Address          Pool         Device ID            Status     Allocated At');
      expect(lines[1]).toBe('-'.repeat(80));
      const cut = (line = '') => [line.slice(0, 20), line.slice(21, 33), line.slice(34, 54), line.slice(55, 65)];
      const names = ({ mac, device }: { mac: string; device: string }) => [
        ...[mac.padEnd(20), 'vultr'.padEnd(12), device.padEnd(20), 'active'.padEnd(10)],
      ];
      expect(cut(lines[2])).toEqual(names({ mac: newer, device: 'newer' }));
      expect(cut(lines[3])).toEqual(names({ mac: older, device: 'older' }));
      expect(lines[2]?.slice(66)).toMatch(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}$/);
      const rows = lines.filter((line) => line.startsWith('a4:')).length;
      expect(lines.slice(2 + rows)).toEqual(['', `Total: ${String(rows)} allocation(s)`, '']);
    });

    test('shows active addresses of all pools, at most 100', async () => {
      const { stdout } = await bash('for i in 1; do rock-mac list; done');
      const pools = new Set(
        stdout.split('\n').flatMap((line) => (line.startsWith('a4:') ? [line.slice(21, 33).trim()] : [])),
      );
      expect(pools.size).toBeGreaterThan(1);
      expect(stdout).not.toContain(' reserved ');
      await program.sql(
        `select rock_mac.allocate('experiment', (select jsonb_agg(jsonb_build_object('ord', g, 'key', 'device/many-' || g,
           'state', 'active', 'requester', 't', 'actor', 't')) from generate_series(0, 119) g), '1 minute')`,
      );
      for (const [args, count] of [
        [['-p', 'experiment'], 100],
        [['--pool', 'experiment', '--limit', '3'], 3],
      ] as const) {
        const { code, stdout, stderr } = await program.run(...program.listAll.split(' '), ...args);
        expect(code).toBe(0);
        expect(stdout).toContain(`\nTotal: ${String(count)} allocation(s)\n`);
        expect(stderr).toMatch(new RegExp(`^Only the first ${String(count)} are shown: `)); // stdout is as it was
      }
      expect(await out(...program.listAll.split(' '), '-p', 'experiment', program.limit, '200')).toMatch(
        /\nTotal: 12\d allocation\(s\)\n/,
      );
    });

    test.each([
      ['-s', 'reserved'],
      ['--status', 'released'],
    ])('%s %s filters by state', async (flag, status) => {
      const rows = (await out('list', flag, status)).split('\n').filter((line) => line.startsWith('a4:'));
      expect(rows.length).toBeGreaterThan(0);
      expect(new Set(rows.map((line) => line.slice(55, 65).trim()))).toEqual(new Set([status]));
    });

    test('succeeds with a message if there is nothing to show', async () => {
      expect(await out('list', '-p', 'kubernetes')).toBe('No allocations found\n');
    });
  });

  test('stats has columns of 12, 30, 8, 10 and 10, and a line of 80 dashes', async () => {
    await allocated('-p', 'vultr');
    const [head = '', dashes, ...rows] = (await out('stats')).trimEnd().split('\n');
    expect(head).toBe('Pool         Description                    Active   Released   Reserved');
    expect(dashes).toBe('-'.repeat(80));
    expect(rows.map((row) => row.slice(0, 12).trim())).toEqual([
      ...['production', 'development', 'experiment', 'vultr', 'docker', 'kubernetes', 'reserved'],
    ]);
    for (const row of rows) {
      expect([row.slice(44, 52), row.slice(53, 63), row.slice(64)].map((cell) => /^\d+ *$/.test(cell))).toEqual(
        Array(3).fill(true),
      );
    }
  });

  test('--version prints the version', async () => {
    expect(await out('--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('errors go to stderr, begin with Error: and exit with 1', async () => {
    const { code, stdout, stderr } = await program.run('allocate', '-p', 'nowhere');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^Error: There is no pool "nowhere"/);
  });
});

describe('commands that need a ledger, which the plugin refuses with a message', () => {
  const ledger = ledgerOfThisFile();
  let shell: RockMacShell;

  beforeAll(async () => {
    shell = await openShell({ ROCK_MAC_LEDGER_URL: ledger.current.url });
  });

  afterAll(async () => {
    await shell.close();
  });

  async function out(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await shell.rockMac(...args);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    return stdout;
  }

  describe('cleanup', () => {
    test('prints how many addresses it would release, and releases them', async () => {
      const { advance } = ledger.current;
      await out('allocate', '-p', 'docker', '-d', 'forgotten');
      await advance(86_400 + 60);
      const would = (await out('cleanup', '--dry-run', '-d', '0', '--approve')).trim();
      expect(would).toMatch(/^Would release [1-9]\d* expired allocation\(s\)$/);
      expect((await out('cleanup', '--approve')).trim()).toBe(would.replace('Would release', 'Released'));
      expect(await out('cleanup', '--days', '0')).toBe('Released 0 expired allocation(s)\n');
    });
  });

  test('init on an existing ledger succeeds with its one line', async () => {
    const { code, stdout } = await shell.rockMac('init');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Database initialized successfully!\n' });
  });

  test('--config names the configuration file', async () => {
    const { code, stderr } = await shell.rockMac('--config', '/nowhere/mac-dispenser.yaml', 'list');
    expect(code).toBe(1);
    expect(stderr).toContain('/nowhere/mac-dispenser.yaml cannot be read');
  });

  test('the configuration file of the predecessor is accepted unchanged', async () => {
    await shell.bash(`mkdir -p ~/.rock && cat > ~/.rock/mac-dispenser.yaml <<'END'
mac_dispenser:
  prefix: "a4:58:0f"
  database: {path: ~/.rock/mac-dispenser.db, backup_path: /var/backups, auto_backup: true, retention_days: 365}
  allocation: {mode: sequential, reserve_first: 10, max_address: "ff:ff:ff", allow_reuse: true}
  pools:
    development: {range: "01:00:00-01:ff:ff", description: "Development VMs", auto_release_days: 7}
END`);
    expect(await out('list', '-p', 'kubernetes')).toBe('No allocations found\n');
    const { code, stdout, stderr } = await shell.rockMac('init');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Database initialized successfully!\n' });
    expect(stderr).toContain('database.backup_path has no effect');
    expect(stderr).toContain('database.retention_days has no effect');
    await shell.bash('rm ~/.rock/mac-dispenser.yaml');
  });

  test('queries for the predecessor find its views and columns', async () => {
    for (const query of [
      'SELECT mac_address, pool, device_id, device_type, allocated_at, days_allocated FROM active_allocations',
      `SELECT pool, description, active_count, released_count, reserved_count, total_allocated, total_released FROM pool_stats`,
      'SELECT id, action, mac_address, pool, device_id, "user", details, timestamp FROM audit_log ORDER BY timestamp DESC LIMIT 5',
    ]) {
      expect(await out('sql', '--ledger', await readingUrl(ledger.current), query)).toMatch(/\(\d+ row\(s\)\)\n$/);
    }
  });

  test.each(['init', 'cleanup'])('kubectl rock-mac %s', async (command) => {
    const { plane } = installed();
    const plugin = await openPluginShell(plane.binaries.kubectl);
    try {
      const { code, stdout, stderr } = await plugin.rockMac(plane.kubeconfig, command);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^Error: .* works on the ledger itself, not through a cluster\. Run `rock-mac/);
    } finally {
      await plugin.close();
    }
  });
});
