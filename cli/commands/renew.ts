import { Option, type Command } from 'commander';
import { withBackend, type Cli } from '../cli.ts';
import { UserError } from '../errors.ts';
import { outputOption, printReport } from '../output/format.ts';
import { formatMinutes } from '../output/time.ts';
import { parseTarget } from '../target.ts';
import { addDryRun } from './dry-run.ts';
import { addExamples } from './examples.ts';
import { durationSeconds } from './values.ts';

/** `renew`: the expiry moves away, so that an address in use stays with its device. */
export function addRenew(program: Command, cli: Cli): void {
  const command = program
    .command('renew')
    .summary('move the expiry of an address, or of all of a device')
    .description(
      cli.mode.kind === 'cluster'
        ? 'Moves the expiry of a claim, or of all claims for a device, to one of its periods from now.'
        : 'Moves the expiry of an address, or of all addresses of a device, to one auto-release period of the pool from now.',
    )
    .argument('<mac|device>')
    .addOption(
      new Option('--for <duration>', 'another period than that of the pool')
        .argParser(durationSeconds)
        .hideHelp(cli.mode.kind === 'cluster'), // a claim keeps its period; who asks for another is told so
    )
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
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  const another = cli.mode.kind === 'cluster' ? [] : [`${name} renew a4:58:0f:01:00:00 --for 48h`];
  addExamples(command, `${name} renew my-vm`, ...another);
}
