import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { UserError } from '../errors.ts';
import { IMPORT_FORMATS, type ImportFormat } from '../import/formats.ts';
import { parseDeviceText, parseFileName, parseFileNames } from './parse-values.ts';
import { addExamples, addReason } from './shared-flags.ts';

interface Options {
  readonly dryRun: boolean;
  readonly format?: ImportFormat;
  readonly pool?: string;
  readonly type?: string;
  readonly devicePrefix?: string;
  readonly reserved: boolean;
  readonly update: boolean;
  readonly skipConflicts: boolean;
  readonly conflicts?: string;
  readonly overrideDelay: boolean;
  readonly reason?: string;
}

/** `import`: imports what other programs have recorded, or the SQLite file of the predecessor. */
export function addImport(program: Command, { terminal }: Cli): void {
  const command = program
    .command('import')
    .summary('import addresses from files of other programs, or the file of the predecessor')
    .description(
      'With --format: imports the addresses that files of another program name, with their devices and metadata. It compares ' +
        'everything first. A conflict refuses the import, unless --skip-conflicts leaves such addresses out. It writes in ' +
        'batches, and the same command goes on after an interruption.\n\n' +
        'Without --format: imports the SQLite file of the predecessor with its history, after a backup of the ledger. It imports ' +
        'everything or nothing. A second run skips what is already in the ledger. The file is not changed.\n\n' +
        'A dry run fails if the import would.',
    )
    .argument(
      '[file...]',
      'files, folders, or - for standard input (default without --format: the file that the old configuration file names, else ~/.rock/mac-dispenser.db)',
      parseFileNames,
    )
    .addOption(new Option('-f, --format <format>', 'format of the files').choices(IMPORT_FORMATS))
    .option('--dry-run', 'show what would be imported without importing it', false)
    .option('-p, --pool <name>', 'import only addresses of this pool; others are conflicts (default: by range)')
    .option('-t, --type <type>', 'kind of the devices whose kind the files do not name', parseDeviceText)
    .option('--device-prefix <text>', 'text before the names of devices, such as host-1/', parseDeviceText)
    .option('--reserved', 'hold the addresses until they are released with --force', false)
    .option('--update', 'also change the metadata of devices that have their address already', false)
    .option('--skip-conflicts', 'leave out addresses with a conflict instead of refusing all', false)
    .option('--conflicts <file>', 'write all conflicts into a CSV file', parseFileName)
    .option('--override-delay', 'take released addresses also before their reuse delay is over', false);
  addReason(command);
  command.action(async (files: readonly string[], options: Options, command: Command) => {
    const { format } = options;
    if (format === undefined) {
      const { importFile } = await import('../ledger-mode/import.ts');
      requireOnlyPredecessor(files, command);
      await importFile(
        command.optsWithGlobals(),
        { file: files[0], dryRun: options.dryRun, reason: options.reason },
        terminal,
      );
      return;
    }
    if (files.length === 0)
      throw new UserError('The files to import are missing.', 'Name them, or - for standard input.', 'usage');
    const { importFiles } = await import('../ledger-mode/import-files.ts');
    await importFiles(command.optsWithGlobals(), { ...options, format, files }, terminal);
  });
  addExamples(
    command,
    'rock-mac import -f csv hosts.csv --dry-run',
    'rock-mac import -f libvirt /etc/libvirt/qemu --device-prefix host-1/',
    'rock-mac import -f proxmox /etc/pve/nodes --reserved',
    'ssh dhcp cat /etc/kea/kea-dhcp4.conf | rock-mac import -f kea - --skip-conflicts --conflicts left.csv',
    'rock-mac import ~/.rock/mac-dispenser.db',
  );
}

/** The flags about files of other programs, which the import of the predecessor's file must not ignore. */
const WITH_FORMAT = [
  ...(['pool', 'type', 'devicePrefix', 'reserved', 'update'] as const),
  ...(['skipConflicts', 'conflicts', 'overrideDelay'] as const),
];

function requireOnlyPredecessor(files: readonly string[], command: Command): void {
  const flag = WITH_FORMAT.find((name) => !['default', undefined].includes(command.getOptionValueSource(name)));
  if (flag === undefined && files.length <= 1) return;
  const what =
    flag === undefined ? 'Several files' : `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new UserError(`${what} can only be imported with --format.`, `Add it: ${IMPORT_FORMATS.join(', ')}.`, 'usage');
}
