import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { parseFileName, parseRowCount } from './parse-values.ts';
import { addExamples } from './shared-flags.ts';

interface ReportOptions {
  readonly to?: string;
  readonly withNames: boolean;
  readonly tail: number;
}

/** `report`: writes what somebody needs who looks into a problem from outside, without secrets. */
export function addReport(program: Command, { mode, terminal }: Cli): void {
  const command = program
    .command('report')
    .summary('write a zip file for a bug report, without secrets')
    .description(
      'Writes a zip file for a bug report: what `doctor` found, versions, the configuration, pools, counts, the state of the ' +
        `ledger and the newest entries of its audit${mode.kind === 'cluster' ? ', Events, and the logs of rock-mac' : ''}. ` +
        'It never contains passwords, tokens or keys. Names of namespaces, objects, devices, machines and people are replaced ' +
        'by substitutes, which are different in each report. Addresses and the names of pools stay.',
    )
    .option('--to <file>', 'file to write (default: rock-mac-report-DATE-TIME.zip in this folder)', parseFileName)
    .option('--with-names', 'leave the names, and the reasons that people wrote, in the report', false)
    .option('--tail <lines>', 'how many lines of each log, and entries of the audit', parseRowCount, 1_000)
    .action(async ({ to, withNames, tail }: ReportOptions, command: Command) => {
      const { createNameHider } = await import('../report/hide-names.ts');
      const { writtenFiles } = await import('../report/report-files.ts');
      const { defaultReportFile, writeReport } = await import('../report/write-report.ts');
      terminal.progress('Collecting …');
      const { files, kept, hidden } = await mode.collectReport(
        command.optsWithGlobals(),
        { withNames, tail },
        terminal.notify,
      );
      terminal.progress('');
      const hider = withNames ? undefined : createNameHider(randomBytes(16).toString('hex'), kept);
      for (const name of hidden) hider?.learnName(name);
      const written = writtenFiles(files, hider);
      const now = new Date();
      const file = to ?? defaultReportFile(now);
      await writeReport(file, written, now);
      for (const { name, about, text } of written) {
        terminal.print(`${name.padEnd(24)} ${`${String(Math.ceil(text.length / 1_024))} KiB`.padStart(9)}  ${about}`);
      }
      terminal.print(`Written: ${file}. Look into it before you send it: no program knows every secret.`);
    });
  addExamples(command, `${mode.program} report`, `${mode.program} report --to /tmp/report.zip --tail 200`);
}
