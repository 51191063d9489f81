import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { addExamples } from './shared-flags.ts';

/** `ledger status|stop`: shows which ledger is used, and stops the embedded one. */
export function addLedger(program: Command, { terminal }: Cli): void {
  const group = program
    .command('ledger')
    .helpCommand(false)
    .summary('show which ledger is used, or stop the embedded one')
    .description('Shows which ledger the commands use, or stops the embedded one.');
  const status = group
    .command('status')
    .description('Shows which ledger the commands use, where that is configured, and its state. Starts nothing.')
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { ledgerStatus } = await import('../ledger-mode/status.ts');
      const status = await ledgerStatus(command.optsWithGlobals());
      await printReport(terminal, command, {
        lines: () => Object.entries(status).map(([name, value]) => `${`${label(name)}:`.padEnd(13)} ${value}`),
        kind: 'LedgerStatus',
        value: status,
        names: () => [status.ledger],
      });
    });
  addExamples(status, 'rock-mac ledger status');
  const stop = group
    .command('stop')
    .description('Stops the Postgres of the embedded ledger. It starts again with the next use.')
    .action(async () => {
      const { stopEmbedded } = await import('../ledger-mode/status.ts');
      terminal.print((await stopEmbedded()) ? 'The ledger has stopped.' : 'The ledger was not running.');
    });
  addExamples(stop, 'rock-mac ledger stop');
}

function label(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
