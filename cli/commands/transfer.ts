import { type Command, InvalidArgumentError } from 'commander';
import { type Cli, withBackend } from '../cli.ts';
import { outputOption } from '../output/output-flag.ts';
import { requireMac } from '../target.ts';
import { parseDeviceText } from './parse-values.ts';
import { printAddress } from './print-address.ts';
import { addDryRun, addExamples, addReason } from './shared-flags.ts';

interface Options {
  readonly to: string;
  readonly type?: string;
  readonly reason?: string;
}

/** `transfer`: gives a held address to another owner. */
export function addTransfer(program: Command, cli: Cli): void {
  const isCluster = cli.mode.kind === 'cluster';
  const command = program
    .command('transfer')
    .summary(isCluster ? 'hand the address of a claim over to another claim' : 'hand an address over to another device')
    .description(
      isCluster
        ? 'Hands the address of a claim over to a claim in another namespace, which the command creates like the first one. ' +
            'You need the rights to delete the first claim, to create the second one, and to use its pool there. Nothing may ' +
            'use the address. The first claim is deleted at the end.'
        : 'Hands the address of a device over to another device. It stays reserved if it was. The address of an object in a ' +
            'cluster is handed over there, with `kubectl rock-mac transfer`.',
    )
    .argument('<mac>', 'address to hand over, in any notation')
    .requiredOption(
      isCluster ? '--to <namespace/name>' : '--to <id>',
      isCluster ? 'claim that gets the address' : 'device that gets the address',
      parseReceiver,
    );
  if (!isCluster) command.option('-t, --type <type>', 'kind of the device (default: as before)', parseDeviceText);
  command.addOption(outputOption()).action(async (text: string, { to, type, reason }: Options, command: Command) => {
    const mac = requireMac(text);
    const result = await withBackend(command, cli, (backend) => backend.transfer({ mac, to, type, reason }));
    await printAddress(result, (address) => [`Transferred MAC: ${address.mac} to ${to}`], command, cli);
  });
  addReason(command);
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  addExamples(
    command,
    isCluster
      ? `${name} transfer a4:58:0f:00:12:34 -n team-a --to team-b/licence`
      : `${name} transfer a4:58:0f:00:12:34 --to gateway-2`,
  );
}

function parseReceiver(text: string): string {
  const receiver = parseDeviceText(text);
  if (receiver !== '') return receiver;
  throw new InvalidArgumentError('Give a name that is not empty.');
}
