import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { outputOption, printReport } from '../output/format.ts';
import { addExamples } from './examples.ts';

/** `ledger status|stop`: which ledger is meant, and the end of the embedded one's server. */
export function addLedger(program: Command, { terminal }: Cli): void {
  const group = program
    .command('ledger')
    .helpCommand(false)
    .summary('see which ledger is used, and stop the embedded one')
    .description('The ledger that the commands work on.');
  const status = group
    .command('status')
    .description('Shows which ledger the commands work on, who named it, and how it is. Starts nothing.')
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { ledgerStatus } = await import('../ledger-mode/status.ts');
      const status = await ledgerStatus(command.optsWithGlobals());
      await printReport(terminal, command, {
        lines: () => Object.entries(status).map(([name, value]) => `${`${label(name)}:`.padEnd(13)} ${value}`),
        value: status,
        names: () => [status.ledger],
      });
    });
  addExamples(status, 'rock-mac ledger status');
  const stop = group
    .command('stop')
    .description('Stops the Postgres of the embedded ledger. It starts again at the next use.')
    .action(async () => {
      const { stopEmbedded } = await import('../ledger-mode/status.ts');
      terminal.print((await stopEmbedded()) ? 'The ledger has stopped.' : 'The ledger did not run.');
    });
  addExamples(stop, 'rock-mac ledger stop');
}

function label(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
