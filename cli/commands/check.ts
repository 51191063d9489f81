import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { UserError } from '../errors.ts';
import { outputOption, printReport } from '../output/format.ts';
import { addExamples } from './examples.ts';

/** `check`: every rule that the ledger has to keep. */
export function addCheck(program: Command, { terminal }: Cli): void {
  const command = program
    .command('check')
    .summary('verify every rule that the ledger has to keep')
    .description(
      'Verifies every rule that the ledger has to keep, in one snapshot, and prints those that are broken, with the ' +
        'rows that break them. Reads everything, also the history. Ends with 1 where a rule is broken.',
    )
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      const { LONG_STATEMENT_MS, withLedger } = await import('../ledger-mode/open.ts');
      const { checkLedger } = await import('../../ledger/check/check.ts');
      const findings = await withLedger(command.optsWithGlobals(), checkLedger, {
        statementTimeoutMs: LONG_STATEMENT_MS,
      });
      await printReport(terminal, command, {
        lines: () => {
          if (findings.length === 0) return ['The ledger keeps every rule.'];
          return findings.flatMap(({ rule, explanation, count, rows }) => [
            `Broken: ${rule} (${String(count)} row(s))`,
            `  ${explanation}`,
            ...rows.map((row) => `  ${JSON.stringify(row)}`),
          ]);
        },
        value: { findings },
        names: () => findings.map(({ rule }) => rule),
      });
      if (findings.length > 0) {
        throw new UserError(
          `${String(findings.length)} rule(s) of the ledger are broken.`,
          'Take a backup, and see docs/ledger.md for what each rule is there for.',
        );
      }
    });
  addExamples(command, 'rock-mac check', 'rock-mac check -o json');
}
