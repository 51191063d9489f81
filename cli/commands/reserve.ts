import type { Command } from 'commander';
import { type Cli, withBackend } from '../cli.ts';
import { UserError } from '../errors.ts';
import { outputOption } from '../output/output-flag.ts';
import { requireMac } from '../target.ts';
import { addMetadataFlags, metadataOf, type MetadataOptions } from './metadata-flags.ts';
import { parseDeviceText, parseRequestKey } from './parse-values.ts';
import { printAddress } from './print-address.ts';
import { addDryRun, addExamples, addReason } from './shared-flags.ts';

interface Options extends MetadataOptions {
  readonly pool?: string;
  readonly mac?: string;
  readonly overrideDelay: boolean;
  readonly device: string;
  readonly type: string;
  readonly requestKey?: string;
  readonly reason?: string;
}

/** `reserve`: holds an address until somebody releases it with --force. */
export function addReserve(program: Command, cli: Cli): void {
  const command = program
    .command('reserve')
    .summary('hold an address until it is released with --force')
    .description(
      'Reserves a specific address, or the next one of a pool, and prints `Reserved MAC: …`. A reserved address never ' +
        'expires; `release --force` releases it.',
    )
    .option('-p, --pool <name>', 'pool to reserve from (default: the pool of the address, else "reserved")')
    .option('-m, --mac <mac>', 'address to reserve, in any notation')
    .option('--override-delay', 'take a released --mac also before its reuse delay is over', false)
    .option('-d, --device <id>', 'device that gets the address', parseDeviceText, '')
    .option('-t, --type <type>', 'kind of the device', parseDeviceText, 'reserved')
    .option('--metadata <json>', 'more information about the device, as a JSON object', '{}')
    .option('--request-key <key>', 'return the same address for every call with the same key', parseRequestKey)
    .addOption(outputOption({ terraform: true }))
    .action(async (options: Options, command: Command) => {
      const { pool, device, type, requestKey, reason, overrideDelay: overridesDelay } = options;
      const mac = options.mac === undefined || options.mac === '' ? undefined : requireMac(options.mac);
      if (overridesDelay && mac === undefined) {
        throw new UserError('--override-delay is about one released address.', 'Add --mac with that address.');
      }
      const metadata = metadataOf(options);
      const result = await withBackend(command, cli, (backend) =>
        backend.reserve({ pool, mac, overridesDelay, device: { id: device, type }, metadata, requestKey, reason }),
      );
      await printAddress(result, (address) => [`Reserved MAC: ${address.mac}`], command, cli);
    });
  addMetadataFlags(command);
  addReason(command);
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} reserve --device gateway`,
    `${name} reserve -m a4:58:0f:00:12:34 -d prod-01 --metadata '{"rack": "a7"}'`,
  );
}
