import { Command, Help } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { Cli } from './cli.ts';
import { addAdopt } from './commands/adopt.ts';
import { addAllocate } from './commands/allocate.ts';
import { addAudit } from './commands/audit.ts';
import { addBackup } from './commands/backup.ts';
import { addCheck } from './commands/check.ts';
import { addCleanup } from './commands/cleanup.ts';
import { addCluster } from './commands/cluster.ts';
import { addCompletion } from './commands/completion.ts';
import { addDashboard } from './commands/dashboard.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExport } from './commands/export.ts';
import { addImport } from './commands/import.ts';
import { addInit } from './commands/init.ts';
import { addLedger } from './commands/ledger.ts';
import { addLedgerOnly } from './commands/ledger-only.ts';
import { addList, addWatch } from './commands/list.ts';
import { addMap } from './commands/map.ts';
import { addMigrate } from './commands/migrate.ts';
import { addPool } from './commands/pool.ts';
import { addPrefixCommands } from './commands/prefix.ts';
import { addRecover } from './commands/recover.ts';
import { addRelease } from './commands/release.ts';
import { addRenew } from './commands/renew.ts';
import { addReport } from './commands/report.ts';
import { addReserve } from './commands/reserve.ts';
import { addRestore } from './commands/restore.ts';
import { addSet } from './commands/set.ts';
import { addShow } from './commands/show.ts';
import { addSql } from './commands/sql.ts';
import { addStats } from './commands/stats.ts';
import { addStock } from './commands/stock.ts';
import { addTop } from './commands/top.ts';
import { addTransfer } from './commands/transfer.ts';
import { addVersion } from './commands/version.ts';
import { EXIT_CODES, EXIT_MEANINGS, EXITS, UserError } from './errors.ts';

/** Everybody expects that a flag is off and that a text is empty. */
const OBVIOUS_DEFAULT = / \(default: (?:false|"")\)$/;

type AddCommand = (program: Command, cli: Cli) => void;

/** Commands that belong together, with their heading in the help. */
type Group = readonly [heading: string, commands: readonly AddCommand[]];

const HELP = 'Help yourself:';

/** The commands of both modes. */
const GROUPS: readonly Group[] = [
  ['Change addresses:', [addAllocate, addReserve, addSet, addTransfer, addRelease, addRenew]],
  ['Find addresses:', [addList, addWatch, addShow, addAudit, addExport]],
  ['Pools:', [addPool, addPrefixCommands, addStats, addTop, addMap]],
  [HELP, [addDoctor, addReport, addVersion, addDashboard, addCompletion]],
];

/** The commands that need a ledger. The plugin refuses them with an explanation. */
const LEDGER_GROUPS: readonly Group[] = [
  ['The ledger:', [addInit, addLedger, addMigrate, addCheck, addCleanup, addSql]],
  ['Move and recover:', [addBackup, addRestore, addImport, addRecover]],
  ['Clusters of the ledger:', [addCluster, addAdopt, addStock]],
];

/**
 * Returns the program with all its commands. To keep `--help` fast, commands import what they use only when they run.
 */
export function createProgram(cli: Cli): Command {
  const { mode, terminal } = cli;
  const program = new Command(mode.program)
    .description(mode.description)
    .usage('[options] [command]')
    .version(packageJson.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('-v, --verbose', 'print more details')
    .configureHelp({
      showGlobalOptions: true,
      minWidthToWrap: 30, // the list of commands leaves less than the default of 40 on a terminal of 80 columns
      optionDescription: (option) => new Help().optionDescription(option).replace(OBVIOUS_DEFAULT, ''),
    })
    .configureOutput({
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
      writeOut: (text) => {
        terminal.print(text.trimEnd());
      },
      writeErr: (text) => {
        terminal.notify(text.trimEnd());
      },
    })
    .exitOverride();
  program.addHelpText('after', () => exitCodes(program, terminal.columns));
  for (const option of mode.globalOptions()) program.addOption(option);
  addGroups(GROUPS, program, cli);
  if (mode.kind === 'ledger') addGroups(LEDGER_GROUPS, program, cli);
  else addLedgerOnly(program, ledgerOnlyNames(cli));
  program.commandsGroup(HELP).helpCommand('help [command]', 'print the help of a command');
  if (mode.kind === 'ledger') refuseEmptyUrl(program);
  pointToOwnHelp(program);
  return program;
}

function addGroups(groups: readonly Group[], program: Command, cli: Cli): void {
  for (const [heading, commands] of groups) {
    program.commandsGroup(heading);
    for (const add of commands) add(program, cli);
  }
}

/**
 * Refuses `--ledger ""`. Without it, an unset shell variable would choose another ledger. An empty environment variable means none, as
 * usual.
 */
function refuseEmptyUrl(program: Command): void {
  program.on('option:ledger', (url: string) => {
    if (url === '') throw new UserError('The URL of --ledger is empty.', 'Name a ledger, or leave it out.', 'usage');
  });
}

/** Returns where the help of a command is, for usage errors. */
export function seeHelpOf(command: Command): string {
  const names: string[] = [];
  for (let each: Command | null = command; each !== null; each = each.parent) names.unshift(each.name());
  return `See \`${names.join(' ')} --help\`.`;
}

/** Lets usage errors end with the help of the command in which they were made. */
function pointToOwnHelp(command: Command): void {
  command.configureOutput({
    ...command.configureOutput(),
    outputError: (text, write) => {
      const cause = text
        .trimEnd()
        .replace(/^error: /, 'Error: ')
        .replace(/[^.?)]$/, '$&.');
      write(`${cause} ${seeHelpOf(command)}`);
    },
  });
  for (const child of command.commands) pointToOwnHelp(child);
}

/** Returns the names of the commands that need a ledger. */
function ledgerOnlyNames(cli: Cli): string[] {
  const scratch = new Command();
  addGroups(LEDGER_GROUPS, scratch, cli);
  return scratch.commands.map((command) => command.name());
}

function exitCodes(program: Command, helpWidth: number): string {
  const help = program.createHelp();
  help.prepareContext({ helpWidth });
  const lines = EXITS.map((exit) => help.formatItem(String(EXIT_CODES[exit]), 1, EXIT_MEANINGS[exit], help));
  return ['\nExit codes:', ...lines].join('\n');
}
