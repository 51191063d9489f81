import { type Command, Option } from 'commander';
import { type Cli, valueOf, withBackend } from '../cli.ts';
import { UserError } from '../errors.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { formatMinutes } from '../output/time.ts';
import { parseTarget } from '../target.ts';
import { parseDurationSeconds } from './parse-values.ts';
import { addDryRun, addExamples, addReason, OBJECT_NAMES } from './shared-flags.ts';

/** `renew`: moves the expiry, so that a device keeps its address. */
export function addRenew(program: Command, cli: Cli): void {
  const command = program
    .command('renew')
    .summary('move the expiry of an address, or of all addresses of a device')
    .description(
      cli.mode.kind === 'cluster'
        ? 'Moves the expiry of a claim, or of all claims for a device, to one period of the claim from now.'
        : 'Moves the expiry of an address, or of all addresses of a device, to one auto-release period of the pool from now.',
    )
    .argument('<mac|device>', OBJECT_NAMES)
    .addOption(
      new Option('--for <duration>', 'expire after this time instead of the period of the pool')
        .argParser(parseDurationSeconds)
        .hideHelp(cli.mode.kind === 'cluster'), // the period of a claim cannot change; the error message says so
    )
    .addOption(outputOption())
    .action(async (text: string, options: { readonly for?: number; readonly reason?: string }, command: Command) => {
      const target = parseTarget(text);
      const result = await withBackend(command, cli, (backend) =>
        backend.renew(target, { seconds: options.for, reason: options.reason }),
      );
      const renewed = valueOf(result, cli.terminal);
      if (renewed === undefined) return;
      if (renewed.length === 0) {
        throw new UserError(
          `Nobody holds ${text}, so there is nothing to renew.`,
          `Run \`${cli.mode.program} show ${text}\` to see what is known about it.`,
          'notFound',
        );
      }
      await printReport(cli.terminal, command, {
        lines: () =>
          renewed.map(({ mac, expiresAt }) =>
            expiresAt === undefined ? `${mac} never expires` : `Renewed MAC: ${mac} until ${formatMinutes(expiresAt)}`,
          ),
        kind: 'AddressList',
        value: { items: renewed },
        names: () => renewed.map(({ mac }) => mac),
      });
    });
  addReason(command);
  addDryRun(command, cli.mode);
  const { program: name } = cli.mode;
  const withPeriod = cli.mode.kind === 'cluster' ? [] : [`${name} renew a4:58:0f:01:00:00 --for 48h`];
  addExamples(command, `${name} renew my-vm`, ...withPeriod);
}
