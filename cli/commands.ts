import { randomUUID } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { AddressRow } from '../ledger/address-row.ts';
import { createAllocator } from '../ledger/allocator.ts';
import { listAudit } from '../ledger/audit.ts';
import { findByDevice, findByMac, listAddresses } from '../ledger/find.ts';
import { deviceKey } from '../ledger/holder-key.ts';
import { migrate } from '../ledger/migrate.ts';
import { poolStats } from '../ledger/pool-stats.ts';
import { release } from '../ledger/release.ts';
import { parseMac, type MacAddress } from '../mac/mac-address.ts';
import { currentUser } from './current-user.ts';
import { ledgerOption, ledgerUrl, withLedger } from './ledger-connection.ts';
import { formatMinutes, formatTable } from './table.ts';
import { UserError } from './user-error.ts';

/** Where a command writes; stdout in life, a list in tests. */
export type Print = (line: string) => void;

/** The program `rock-mac` as it works on a ledger directly. */
export function createProgram(print: Print): Command {
  const program = new Command('rock-mac')
    .description('Hands out MAC addresses from one ledger, so that no two devices ever get the same one.')
    .version(packageJson.version, '--version')
    .addOption(ledgerOption());

  program
    .command('migrate')
    .description('bring the schema of the ledger up to this version')
    .action(async (_options: unknown, command: Command) => {
      const { applied, version } = await migrate(ledgerUrl(command));
      for (const name of applied) print(`Applied ${name}`);
      print(`The ledger is at version ${String(version)}`);
    });

  program
    .command('allocate')
    .description('take the next address of a pool')
    .option('-p, --pool <name>', 'the pool', 'development')
    .option('-d, --device <id>', 'what the address is for')
    .option('-t, --type <type>', 'what kind of device that is', 'qemu-vm')
    .action(async (options: { pool: string; device?: string; type: string }, command: Command) => {
      print(`Allocated MAC: ${await allocateForDevice(options, command)}`);
    });

  program
    .command('release')
    .description('give an address back, or all addresses of a device')
    .argument('<mac|device>')
    .option('-f, --force', 'also a reserved one', false)
    .action(async (what: string, { force }: { force: boolean }, command: Command) => {
      const count = await withLedger(command, async (ledger) => {
        const rows = await heldBy(what, ledger);
        const inCluster = rows.find((row) => row.owner !== undefined);
        if (inCluster !== undefined) throw heldInCluster(inCluster);
        const outcomes = await release(ledger, rows, { force, actor: currentUser(), reason: 'released by hand' });
        if (outcomes.some(({ outcome }) => outcome === 'needs_force')) {
          throw new UserError(
            `${what} is reserved, so it was not released.`,
            'Add --force to give it back all the same.',
          );
        }
        return outcomes.filter(({ outcome }) => outcome === 'released').length;
      });
      print(count > 0 ? `Released ${String(count)} MAC address(es)` : `No active allocations found for: ${what}`);
    });

  program
    .command('list')
    .description('show addresses, newest first')
    .option('-p, --pool <name>', 'only of this pool')
    .option('-s, --status <state>', 'only in this state', 'active')
    .option('-l, --limit <count>', 'at most so many', positive, 100)
    .action(async (options: { pool?: string; status: string; limit: number }, command: Command) => {
      const state = STATES.find((each) => each === options.status);
      if (state === undefined) {
        throw new UserError(`${options.status} is no state of an address.`, `Choose one of ${STATES.join(', ')}.`);
      }
      const rows = await withLedger(command, (ledger) =>
        listAddresses(ledger, { pool: options.pool, states: [state], order: 'newest', limit: options.limit }),
      );
      if (rows.length === 0) {
        print('No allocations found');
        return;
      }
      const cells = rows.map((row) => [row.mac, row.pool, holderName(row), row.state, formatMinutes(row.allocatedAt)]);
      print(formatTable(LIST_COLUMNS, cells));
      print(`\nTotal: ${String(rows.length)} allocation(s)`);
    });

  program
    .command('show')
    .description('show what the ledger knows of an address')
    .argument('<mac>')
    .action(async (text: string, _options: unknown, command: Command) => {
      const mac = requireMac(text);
      const row = await withLedger(command, (ledger) => findByMac(ledger, mac));
      if (row === undefined) {
        print(`MAC address not found: ${text}`);
        return;
      }
      print(`MAC Address:  ${row.mac}`);
      print(`Pool:         ${row.pool}`);
      print(`Status:       ${row.state}`);
      print(`Device ID:    ${holderName(row)}`);
      print(`Allocated At: ${formatMinutes(row.allocatedAt)}`);
    });

  program
    .command('stats')
    .description('show how full each pool is')
    .action(async (_options: unknown, command: Command) => {
      const stats = await withLedger(command, poolStats);
      const cells = stats.map(({ pool, description, active, released, reserved }) => [
        pool,
        description,
        String(active),
        String(released),
        String(reserved),
      ]);
      print(formatTable(STATS_COLUMNS, cells));
    });

  program
    .command('audit')
    .description('show what happened to an address, or to all, newest first')
    .argument('[mac]')
    .option('-l, --limit <count>', 'at most so many', positive, 100)
    .action(async (text: string | undefined, { limit }: { limit: number }, command: Command) => {
      const mac = text === undefined ? undefined : requireMac(text);
      const entries = await withLedger(command, (ledger) => listAudit(ledger, { mac, limit }));
      const cells = entries.map((entry) => [
        entry.timestamp.toISOString().slice(0, 19).replace('T', ' '),
        entry.action,
        entry.mac ?? '',
        entry.user,
        entry.owner ?? entry.deviceId ?? '',
      ]);
      print(formatTable(AUDIT_COLUMNS, cells));
    });
  return program;
}

const STATES = ['pending', 'active', 'reserved', 'released', 'orphaned'] as const;

const LIST_COLUMNS = [
  { head: 'MAC Address', width: 20 },
  { head: 'Pool', width: 12 },
  { head: 'Device ID', width: 20 },
  { head: 'Status', width: 10 },
  { head: 'Allocated At', width: 16 },
];

const STATS_COLUMNS = [
  { head: 'Pool', width: 12 },
  { head: 'Description', width: 30 },
  { head: 'Active', width: 8 },
  { head: 'Released', width: 10 },
  { head: 'Reserved', width: 10 },
];

const AUDIT_COLUMNS = [
  { head: 'Time (UTC)', width: 19 },
  { head: 'Action', width: 8 },
  { head: 'MAC Address', width: 17 },
  { head: 'Who', width: 20 },
  { head: 'Owner', width: 0 },
];

async function allocateForDevice(
  { pool, device, type }: { pool: string; device?: string; type: string },
  command: Command,
): Promise<MacAddress> {
  return await withLedger(command, async (ledger) => {
    const allocator = createAllocator({ db: ledger, leaseSeconds: 120 });
    const user = currentUser();
    // A random key: each call of the command is a new question.
    const outcome = await allocator.allocate(
      {
        key: deviceKey(randomUUID()),
        pool,
        state: 'active',
        device: { id: device, type },
        requester: user,
        actor: user,
        reason: 'allocated by hand',
      },
      { deadlineMs: 10_000 },
    );
    if (outcome.outcome === 'allocated' || outcome.outcome === 'replayed') return outcome.mac;
    throw new UserError(
      `Pool ${pool} gave no address (${outcome.outcome.replaceAll('_', ' ')}).`,
      'See `rock-mac stats` for the pools and how full they are.',
    );
  });
}

/** An argument that reads as a MAC is one; everything else names a device, of which all addresses are meant. */
async function heldBy(what: string, ledger: Parameters<typeof findByMac>[0]): Promise<AddressRow[]> {
  const parsed = parseMac(what);
  if (!parsed.ok) {
    if (what.includes(':')) requireMac(what);
    return await findByDevice(ledger, what);
  }
  const row = await findByMac(ledger, parsed.mac);
  return row === undefined || row.state === 'released' ? [] : [row];
}

function heldInCluster({ mac, owner }: AddressRow): UserError {
  const name = owner === undefined ? '' : `${owner.kind} ${owner.namespace}/${owner.name}`;
  return new UserError(
    `${mac} is held by ${name} in a cluster.`,
    `Delete the ${owner?.kind ?? 'object'} there: that releases it.`,
  );
}

/** What stands in the column of the device: the device, or the object that holds the address. */
function holderName({ device, owner }: AddressRow): string {
  return device?.id ?? (owner === undefined ? '' : `${owner.namespace}/${owner.name}`);
}

function requireMac(text: string): MacAddress {
  const parsed = parseMac(text);
  if (parsed.ok) return parsed.mac;
  throw new UserError(
    `${JSON.stringify(text)} is not the address of a device (${parsed.why}).`,
    'Write it like a4:58:0f:01:00:00; dashes, dots and bare digits are fine too.',
  );
}

function positive(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0 && count <= 10_000) return count;
  throw new InvalidArgumentError('want a whole number from 1 to 10,000.');
}
