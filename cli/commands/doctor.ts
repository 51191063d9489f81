import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Finding } from '../doctor/finding.ts';
import { UserError } from '../errors.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { printable } from '../output/table.ts';
import { addExamples } from './shared-flags.ts';

/** `doctor`: examines everything that must work, and says what to do about what does not. */
export function addDoctor(program: Command, { mode, terminal }: Cli): void {
  const command = program
    .command('doctor')
    .summary('find out what does not work, and what to do about it')
    .description(
      mode.kind === 'ledger'
        ? 'Examines the configuration of this machine, the ledger, its clock, its durability, its pools, shared addresses and its clusters.'
        : 'Examines the installation in the cluster: the operator, the webhook, the certificates, the policies, the read API, ' +
            'the ledger, its pools and shared addresses. The webhook is tested by a claim and a pod that are never stored (server dry run).',
    )
    .addHelpText(
      'after',
      '\nEach line is ok, a warning or an error, with the next step.\nThe exit code is 1 if there is an error.',
    )
    .addOption(outputOption())
    .action(async (options: { readonly admission?: boolean }, command: Command) => {
      const findings = await mode.diagnose(command.optsWithGlobals(), terminal.notify);
      await printReport(terminal, command, {
        lines: () => findings.flatMap(linesOf),
        kind: 'Diagnosis',
        value: { items: findings },
        names: () => findings.filter(({ level }) => level !== 'ok').map(({ subject }) => subject),
      });
      const errors = findings.filter(({ level }) => level === 'error').length;
      if (errors > 0)
        throw new UserError(`${String(errors)} check(s) found an error.`, 'See the lines that begin with it.');
      // A test that was not made is no success.
      if (options.admission === true && findings.some(({ level }) => level !== 'ok'))
        throw new UserError('Not everything was tested.', 'See the lines that begin with warning.');
    });
  if (mode.kind === 'cluster')
    command.option('--admission', 'only let the API server send a claim and a pod to the webhook, as `helm test` does');
  addExamples(command, `${mode.program} doctor`, `${mode.program} doctor -o json`);
}

function linesOf({ level, subject, message, next }: Finding): string[] {
  const line = `${level.padEnd(8)} ${subject.padEnd(13)} ${printable(message)}`;
  return next === undefined ? [line] : [line, `${' '.repeat(23)}${next}`];
}
