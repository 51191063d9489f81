import { type Command, Option } from 'commander';
import type { Device } from '../../ledger/address/owner.ts';
import type { Address, AllocatedSet, AllocateRequest, AllocateSetRequest, Backend } from '../backend.ts';
import { type Cli, isVerbose, valueOf, withBackend } from '../cli.ts';
import { UserError } from '../errors.ts';
import { notifyRefusals } from '../notify-refusals.ts';
import { addressReport } from '../output/address-list.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { addMetadataFlags, metadataOf, type MetadataOptions } from './metadata-flags.ts';
import {
  parseCount,
  parseDeviceText,
  parseDurationSeconds,
  parseLabels,
  parseNamePrefix,
  parseRequestKey,
} from './parse-values.ts';
import { printAddress } from './print-address.ts';
import { addDryRun, addExamples, addReason } from './shared-flags.ts';

interface Options extends MetadataOptions {
  readonly pool: string;
  readonly device: string;
  readonly type: string;
  readonly requestKey?: string;
  readonly expiresAfter?: number;
  readonly reason?: string;
  readonly count?: number;
  readonly label?: Readonly<Record<string, string>>;
  readonly namePrefix?: string;
}

/** `allocate`: allocates the next address of a pool. Scripts read its one line of stdout. */
export function addAllocate(program: Command, cli: Cli): void {
  const command = program
    .command('allocate')
    .summary('allocate the next address of a pool')
    .description(
      'Allocates the next address of a pool for a device, and prints only `Allocated MAC: …`. The address is released ' +
        'after the auto-release period of the pool, unless it is renewed.',
    )
    .option('-p, --pool <name>', 'pool to allocate from', 'development')
    .option('-d, --device <id>', 'device that gets the address', parseDeviceText, '')
    .option('-t, --type <type>', 'kind of the device', parseDeviceText, 'qemu-vm')
    .option('-m, --metadata <json>', 'more information about the device, as a JSON object', '{}')
    .option('--request-key <key>', 'return the same address for every call with the same key', parseRequestKey)
    .option(
      '--expires-after <duration>',
      'expire after this time instead of the period of the pool',
      parseDurationSeconds,
    )
    .option('--count <number>', COUNT_TEXTS[cli.mode.kind], parseCount)
    .addOption(outputOption({ terraform: true }));
  addMetadataFlags(command);
  if (cli.mode.kind === 'cluster') {
    command
      .option('-l, --label <labels>', 'labels of the MacAllocation, separated by commas; repeatable', parseLabels)
      .addOption(
        new Option('--name-prefix <name>', 'with --count, the MacAllocations are NAME-1, NAME-2 and so on')
          .argParser(parseNamePrefix)
          .conflicts('requestKey'),
      );
  }
  command.action(async (options: Options, command: Command) => {
    const metadata = metadataOf(options);
    const { pool, device, requestKey, label: labels, expiresAfter: expiresAfterSeconds, count, reason } = options;
    // The claims of a set are for pods, which are no devices.
    const isForPods = cli.mode.kind === 'cluster' && count !== undefined;
    const type = isForPods && command.getOptionValueSource('type') === 'default' ? '' : options.type;
    const request = { pool, device: { id: device, type }, metadata, requestKey, expiresAfterSeconds, labels, reason };
    requireNames(options, cli);
    refuseShared(options);
    await withBackend(command, cli, async (backend) => {
      await (count === undefined
        ? allocateOne(request, backend, command, cli)
        : allocateSet({ ...request, count, namePrefix: options.namePrefix }, backend, command, cli));
    });
  });
  addReason(command);
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  addExamples(
    command,
    `MAC=$(${name} allocate --pool development --device my-vm | awk '/Allocated MAC:/ {print $3}')`,
    `trap "${name} release $MAC" EXIT`,
    `${name} allocate -p experiment -d run-17 -m '{"rack": "a7"}' --expires-after 2h`,
    `${name} allocate -d my-vm --request-key my-vm-eth0 -o name`,
    `${name} allocate -d my-vm --ip 192.0.2.7 --hostname my-vm   # for \`export\``,
    cli.mode.kind === 'cluster'
      ? `${name} allocate --count 20 --label app=licensed --name-prefix lic   # 20 claims for pods that select them`
      : `${name} allocate -d my-host --count 4 --request-key my-host -o name`,
  );
}

const COUNT_TEXTS = {
  ledger: 'allocate so many addresses; with --request-key, a repeated call returns the same ones',
  cluster:
    'create so many MacAllocations, or as many as are missing; needs --name-prefix or --request-key. They expire only with --expires-after',
} as const;

/** Without names, a repeated command would create other claims. */
function requireNames({ count, namePrefix, requestKey }: Options, { mode }: Cli): void {
  if (mode.kind === 'ledger') return;
  if (count === undefined && namePrefix !== undefined) {
    throw new UserError('--name-prefix names several MacAllocations.', 'Add --count.', 'usage');
  }
  if (count !== undefined && namePrefix === undefined && requestKey === undefined) {
    throw new UserError('The MacAllocations of --count need names.', 'Add --name-prefix, such as lic.', 'usage');
  }
}

/** Several devices with one IP address or one name are a mistake. */
function refuseShared({ count, ip, hostname }: Options): void {
  const flag = ip !== undefined ? '--ip' : hostname !== undefined ? '--hostname' : undefined;
  if (count === undefined || flag === undefined) return;
  throw new UserError(
    `${flag} is about one device, and --count about several addresses.`,
    `Leave out ${flag}.`,
    'usage',
  );
}

async function allocateOne(request: AllocateRequest, backend: Backend, command: Command, cli: Cli) {
  const lines = (address: Address) => [
    `Allocated MAC: ${address.mac}`,
    ...(isVerbose(command) ? detailLines(address, request.device) : []),
  ];
  await printAddress(await backend.allocate(request), lines, command, cli);
}

/** Prints the addresses as `list` does. Prints what was refused to stderr, and fails with the first refusal. */
async function allocateSet(request: AllocateSetRequest, backend: Backend, command: Command, { terminal }: Cli) {
  const set = valueOf(await backend.allocateSet(request), terminal);
  if (set === undefined) return;
  const { addresses, refusals } = set;
  if (addresses.length > 0) await printReport(terminal, command, addressReport({ items: addresses }));
  const [first, ...others] = refusals;
  if (first === undefined) return;
  notifyRefusals(others, terminal);
  terminal.notify(summary(set, request.count));
  throw UserError.from(first);
}

function summary({ addresses, refusals, untried }: AllocatedSet, count: number): string {
  const left = untried === 0 ? '' : `, and ${String(untried)} were not tried`;
  return `${String(addresses.length)} of ${String(count)} have an address, ${String(refusals.length)} were refused${left}. Repeat the command to get the others.`;
}

function detailLines({ pool }: Address, { id = '', type = '' }: Device) {
  return [`Pool: ${pool}`, `Device ID: ${id}`, `Device Type: ${type}`];
}
