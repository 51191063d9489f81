import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { refusalText, UserError } from '../errors.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { requireMac } from '../target.ts';
import { addExamples, addReason } from './shared-flags.ts';

interface Options {
  readonly object?: string;
  readonly dryRun: boolean;
  readonly reason?: string;
}

/** `adopt`: gives observed addresses to the objects that use them. */
export function addAdopt(program: Command, { terminal }: Cli): void {
  const command = program
    .command('adopt')
    .summary('give addresses in use to the objects that use them')
    .description(
      'Makes the objects of clusters that use these addresses their owners. rock-mac never does that on its own: an ' +
        'address that it did not hand out is only observed, which keeps others from getting it. For all objects of a ' +
        'namespace, annotate the Namespace with `mac.rock-os.io/adopt: POOL` instead.',
    )
    .argument('<mac...>')
    .option('--object <namespace/name>', 'the object that gets the address, if several use it')
    .option('--dry-run', 'show what would be adopted without changing it', false)
    .addOption(outputOption())
    .action(async (texts: readonly string[], { object, dryRun, reason }: Options, command: Command) => {
      const { adoptAddresses } = await import('../ledger-mode/adopt.ts');
      const { withLedger } = await import('../ledger-mode/open.ts');
      const macs = texts.map(requireMac);
      const { adopted, refused } = await withLedger(command.optsWithGlobals(), (ledger) =>
        adoptAddresses(ledger, macs, { object, dryRun, reason }),
      );
      await printReport(terminal, command, {
        lines: () => [`${dryRun ? 'Would adopt' : 'Adopted'} ${String(adopted.length)} MAC address(es)`],
        kind: 'AddressList',
        value: { items: adopted },
        names: () => adopted.map(({ mac }) => mac),
      });
      const [first, ...others] = refused;
      for (const each of others) terminal.notify(`Error: ${refusalText(each)}`);
      if (first !== undefined) throw UserError.from(first);
    });
  addReason(command);
  addExamples(
    command,
    'rock-mac adopt a4:58:0f:05:00:07',
    'rock-mac adopt a4:58:0f:05:00:07 --object fleet/db-0   # several objects use it',
  );
}
