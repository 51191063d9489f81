import type { Command } from 'commander';
import type { Address } from '../backend.ts';
import { isVerbose, withBackend, type Cli } from '../cli.ts';
import { outputOption, printReport } from '../output/format.ts';
import { addDryRun } from './dry-run.ts';
import { addExamples } from './examples.ts';
import { durationSeconds, metadataObject, requestKey } from './values.ts';

interface Options {
  readonly pool: string;
  readonly device: string;
  readonly type: string;
  readonly metadata: string;
  readonly requestKey?: string;
  readonly expiresAfter?: number;
}

/** `allocate`: the next address of a pool for a device. Scripts read its one line of stdout. */
export function addAllocate(program: Command, cli: Cli): void {
  const command = program
    .command('allocate')
    .summary('take the next address of a pool')
    .description(
      'Takes the next address of a pool for a device and prints `Allocated MAC: …`, nothing else. It goes back by itself ' +
        'when the auto-release period of the pool is over, unless it is renewed.',
    )
    .option('-p, --pool <name>', 'the pool', 'development')
    .option('-d, --device <id>', 'what the address is for', '')
    .option('-t, --type <type>', 'what kind of device that is', 'qemu-vm')
    .option('-m, --metadata <json>', 'what else to remember, as a JSON object', '{}')
    .option(
      '--request-key <key>',
      'names this question: asked again with the same key, it has the same answer',
      requestKey,
    )
    .option('--expires-after <duration>', 'another period than that of the pool', durationSeconds)
    .addOption(outputOption())
    .action(async (options: Options, command: Command) => {
      const metadata = metadataObject(options.metadata);
      const { pool, device, type, requestKey: key, expiresAfter: expiresAfterSeconds } = options;
      const address = await withBackend(command, cli, (backend) =>
        backend.allocate({ pool, device: { id: device, type }, metadata, requestKey: key, expiresAfterSeconds }),
      );
      await printReport(cli.terminal, command, {
        lines: () => [
          `Allocated MAC: ${address.mac}`,
          ...(isVerbose(command) ? detailLines(address, { device, type }) : []),
        ],
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
