import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { UserError } from '../errors.ts';
import type { Checked } from '../ledger-mode/check.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { addExamples } from './shared-flags.ts';

/** `check`: verifies the rules of the ledger. */
export function addCheck(program: Command, { terminal }: Cli): void {
  const command = program
    .command('check')
    .summary('verify that the ledger is consistent')
    .description(
      'Verifies every rule of the ledger in one snapshot, and prints the broken rules with the rows that break them. It ' +
        'reads everything, including the history and its seals. The exit code is 1 if a rule is broken. Then it seals ' +
        'the history, if nothing is wrong and the login may. -o wide prints the last seal: keep it outside the database, ' +
        'and pass it to a later check with --anchor.',
    )
    .option(
      '--anchor <anchor...>',
      'a seal that the ledger must have: EPOCH:SEAL:HASH, or a file with seals.json of an operator',
    )
    .addOption(outputOption())
    .action(async ({ anchor = [] }: { readonly anchor?: readonly string[] }, command: Command) => {
      const { readAnchor, anchorText } = await import('../ledger-mode/anchors.ts');
      const { checkWithAnchors } = await import('../ledger-mode/check.ts');
      const checked = await checkWithAnchors(command.optsWithGlobals(), await Promise.all(anchor.map(readAnchor)));
      const { findings, lastSeal } = checked;
      await printReport(terminal, command, {
        lines: (format) => [
          ...linesOf(checked),
          ...(format === 'wide' && lastSeal !== undefined ? [`Last seal: ${anchorText(lastSeal)}`] : []),
        ],
        kind: 'LedgerCheck',
        value: checked,
        names: () => findings.map(({ rule }) => rule),
      });
      failIfBroken(checked);
    });
  addExamples(command, 'rock-mac check', 'rock-mac check -o json', 'rock-mac check --anchor seals.json');
}

function linesOf({ findings, anchors }: Checked): string[] {
  const words = { present: 'Anchor', lost: 'Warning', missing: 'Broken' } as const;
  const isFine = findings.length === 0 && anchors.every(({ outcome }) => outcome !== 'missing');
  return [
    ...findings.flatMap(({ rule, explanation, count, rows }) => [
      `Broken: ${rule} (${String(count)} row(s))`,
      `  ${explanation}`,
      ...rows.map((row) => `  ${JSON.stringify(row)}`),
    ]),
    ...anchors.map(({ outcome, message }) => `${words[outcome]}: ${message}`),
    ...(isFine ? ['The ledger keeps every rule.'] : []),
  ];
}

function failIfBroken({ findings, anchors }: Checked): void {
  if (findings.length > 0) {
    throw new UserError(
      `${String(findings.length)} rule(s) of the ledger are broken.`,
      'Take a backup, then see docs/ledger.md for the purpose of each rule.',
    );
  }
  const missing = anchors.filter(({ outcome }) => outcome === 'missing');
  if (missing.length > 0) {
    throw new UserError(
      `${String(missing.length)} seal(s) of the audit are not in the ledger.`,
      'Take a backup, compare the audit with older backups, and see docs/audit.md.',
    );
  }
}
