import type { Command } from 'commander';
import { withBackend, type Cli } from '../cli.ts';
import { outputOption, printReport } from '../output/format.ts';
import { requireMac } from '../target.ts';
import { addDryRun } from './dry-run.ts';
import { addExamples } from './examples.ts';
import { metadataObject, requestKey } from './values.ts';

interface Options {
  readonly pool?: string;
  readonly mac?: string;
  readonly device: string;
  readonly type: string;
  readonly metadata: string;
  readonly requestKey?: string;
}

/** `reserve`: an address that is held until somebody releases it by force. */
export function addReserve(program: Command, cli: Cli): void {
  const command = program
    .command('reserve')
    .summary('hold an address until it is released by force')
    .description(
      'Reserves a specific address, or the next of a pool, and prints `Reserved MAC: …`. It never expires; ' +
        '`release --force` gives it back.',
    )
    .option('-p, --pool <name>', 'the pool (default: the one that holds the address, else "reserved")')
    .option('-m, --mac <mac>', 'the address, in any notation')
    .option('-d, --device <id>', 'what the address is for', '')
    .option('-t, --type <type>', 'what kind of device that is', 'reserved')
    .option('--metadata <json>', 'what else to remember, as a JSON object', '{}')
    .option(
      '--request-key <key>',
      'names this question: asked again with the same key, it has the same answer',
      requestKey,
    )
    .addOption(outputOption())
    .action(async (options: Options, command: Command) => {
      const { pool, device, type, requestKey: key } = options;
      const mac = options.mac === undefined || options.mac === '' ? undefined : requireMac(options.mac);
      const metadata = metadataObject(options.metadata);
      const address = await withBackend(command, cli, (backend) =>
        backend.reserve({ pool, mac, device: { id: device, type }, metadata, requestKey: key }),
      );
      await printReport(cli.terminal, command, {
        lines: () => [`Reserved MAC: ${address.mac}`],
        value: address,
        names: () => [address.mac],
      });
    });
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} reserve --device gateway`,
    `${name} reserve -m a4:58:0f:00:12:34 -d prod-01 --metadata '{"rack": "a7"}'`,
  );
}
