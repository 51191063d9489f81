import type { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import type { Cli } from '../cli.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { type ClientVersion, type ServerVersions, versionSkew } from '../server-versions.ts';
import { addExamples } from './shared-flags.ts';

/** `version`: shows the version of this program and of what it talks to. */
export function addVersion(program: Command, cli: Cli): void {
  const { mode, terminal } = cli;
  const command = program
    .command('version')
    .summary('print the versions of this program and of what it talks to')
    .description(
      mode.kind === 'ledger'
        ? 'Prints the version of this program and of the ledger, and warns if they do not fit. Starts no embedded ledger.'
        : 'Prints the versions of this program, of the operator, the webhook and the ledger, and warns if they do not fit.',
    )
    .option('--client', 'only this program; asks nobody', false)
    .addOption(outputOption())
    .action(async ({ client: onlyClient }: { readonly client: boolean }, command: Command) => {
      const { PROGRAM_VERSION } = await import('../../ledger/migrate.ts');
      const client = { version: packageJson.version, schema: PROGRAM_VERSION };
      const server: ServerVersions = onlyClient ? { notes: [] } : await mode.versions(command.optsWithGlobals());
      const { notes, ...read } = server;
      await printReport(terminal, command, {
        lines: () => linesOf(client, server),
        kind: 'Versions',
        value: { client, ...read },
        names: () => [client.version],
      });
      for (const note of notes) terminal.notify(`Note: ${note}`);
      for (const warning of versionSkew(client, server)) terminal.notify(`Warning: ${warning}`);
    });
  addExamples(command, `${mode.program} version`, `${mode.program} version --client -o json`);
}

function linesOf(client: ClientVersion, { ledger, operator, webhook, kubernetes }: ServerVersions): string[] {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Client', `${client.version} (schema ${String(client.schema)})`],
    ['Operator', operator?.join(', ')],
    ['Webhook', webhook?.join(', ')],
    [
      'Ledger',
      ledger &&
        `schema ${String(ledger.schema)}${ledger.postgres === undefined ? '' : `, Postgres ${ledger.postgres}`}`,
    ],
    ['Kubernetes', kubernetes],
  ];
  return rows.flatMap(([name, text]) => (text === undefined ? [] : [`${`${name}:`.padEnd(11)} ${text}`]));
}
