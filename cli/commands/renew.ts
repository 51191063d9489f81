import type { Command } from 'commander';
import { withBackend, type Cli } from '../cli.ts';
import { UserError } from '../errors.ts';
import { outputOption, printReport } from '../output/format.ts';
import { formatMinutes } from '../output/time.ts';
import { parseTarget } from '../target.ts';
import { addExamples } from './examples.ts';
import { durationSeconds } from './values.ts';

/** `renew`: the expiry moves away, so that an address in use stays with its device. */
export function addRenew(program: Command, cli: Cli): void {
  const command = program
    .command('renew')
    .summary('move the expiry of an address, or of all of a device')
    .description(
      'Moves the expiry of an address, or of all addresses of a device, to one auto-release period of the pool from now.',
    )
    .argument('<mac|device>')
    .option('--for <duration>', 'another period than that of the pool', durationSeconds)
    .addOption(outputOption())
    .action(async (text: string, options: { readonly for?: number }, command: Command) => {
      const target = parseTarget(text);
      const renewed = await withBackend(command, cli, (backend) => backend.renew(target, { seconds: options.for }));
      if (renewed.length === 0) {
        throw new UserError(
          `Nobody holds ${text}, so there is nothing to renew.`,
          `Look with \`${cli.mode.program} show ${text}\`.`,
          'notFound',
        );
      }
      await printReport(cli.terminal, command, {
        lines: () =>
          renewed.map(({ mac, expiresAt }) =>
            expiresAt === undefined ? `${mac} never expires` : `Renewed MAC: ${mac} until ${formatMinutes(expiresAt)}`,
          ),
        value: { items: renewed },
        names: () => renewed.map(({ mac }) => mac),
      });
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} renew my-vm`, `${name} renew a4:58:0f:01:00:00 --for 48h`);
}
