import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { UserError } from '../errors.ts';
import { outputOption, printReport } from '../output/format.ts';
import { addExamples } from './shared-flags.ts';

/** `check`: verifies the rules of the ledger. */
export function addCheck(program: Command, { terminal }: Cli): void {
  const command = program
    .command('check')
    .summary('verify that the ledger is consistent')
    .description(
      'Verifies every rule of the ledger in one snapshot, and prints the broken rules with the rows that break them. It ' +
        'reads everything, including the history. The exit code is 1 if a rule is broken.',
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
          'Take a backup, then see docs/ledger.md for the purpose of each rule.',
        );
      }
    });
  addExamples(command, 'rock-mac check', 'rock-mac check -o json');
}
