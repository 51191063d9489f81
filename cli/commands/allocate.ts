import type { Command } from 'commander';
import type { Address } from '../backend.ts';
import { type Cli, isVerbose, valueOf, withBackend } from '../cli.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { parseDeviceText, parseDurationSeconds, parseMetadata, parseRequestKey } from './parse-values.ts';
import { addDryRun, addExamples } from './shared-flags.ts';

interface Options {
  readonly pool: string;
  readonly device: string;
  readonly type: string;
  readonly metadata: string;
  readonly requestKey?: string;
  readonly expiresAfter?: number;
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
    .addOption(outputOption())
    .action(async (options: Options, command: Command) => {
      const metadata = parseMetadata(options.metadata);
      const { pool, device, type, requestKey, expiresAfter: expiresAfterSeconds } = options;
      const result = await withBackend(command, cli, (backend) =>
        backend.allocate({ pool, device: { id: device, type }, metadata, requestKey, expiresAfterSeconds }),
      );
      const address = valueOf(result, cli.terminal);
      if (address === undefined) return;
      await printReport(cli.terminal, command, {
        lines: () => [
          `Allocated MAC: ${address.mac}`,
          ...(isVerbose(command) ? detailLines(address, { device, type }) : []),
        ],
        kind: 'Address',
        value: address,
        names: () => [address.mac],
      });
    });
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  addExamples(
    command,
    `MAC=$(${name} allocate --pool development --device my-vm | awk '/Allocated MAC:/ {print $3}')`,
    `trap "${name} release $MAC" EXIT`,
    `${name} allocate -p experiment -d run-17 -m '{"rack": "a7"}' --expires-after 2h`,
    `${name} allocate -d my-vm --request-key my-vm-eth0 -o name`,
  );
}

function detailLines({ pool }: Address, { device, type }: { readonly device: string; readonly type: string }) {
  return [`Pool: ${pool}`, `Device ID: ${device}`, `Device Type: ${type}`];
}
