import { type Command, Option } from 'commander';
import type { AddressState } from '../../ledger/address/owner.ts';
import { EXPORT_FORMATS, type ExportFormat } from '../../ledger/reservations/formats.ts';
import { RESERVING_STATES } from '../../ledger/reservations/reservation.ts';
import { type Cli, withBackend } from '../cli.ts';
import { UserError } from '../errors.ts';
import { requirePools } from '../require-known.ts';
import { addFilters, type FilterOptions, filtersOf } from './address-filters.ts';
import { parseFileName, parseStates } from './parse-values.ts';
import { addExamples } from './shared-flags.ts';

interface Options extends FilterOptions {
  readonly format: ExportFormat;
  readonly to?: string;
  readonly follow: boolean;
  readonly reload?: string;
}

/** `export`: writes the IP addresses and host names of held addresses for a DHCP server or a host file. */
export function addExport(program: Command, cli: Cli): void {
  const command = program
    .command('export')
    .summary('write reservations for DHCP servers and host files')
    .description(
      'Writes the held addresses whose devices have an IP address or a host name, in the format of a DHCP server or a host file. ' +
        'With --follow it keeps a file current until Ctrl-C.',
    )
    .addOption(new Option('-f, --format <format>', 'what reads it').choices([...EXPORT_FORMATS]).makeOptionMandatory())
    .option('--to <file>', 'replace this file in one step, if its content would change', parseFileName)
    .option('--follow', 'keep the file of --to current until Ctrl-C', false)
    .option('--reload <command>', 'run this in a shell after each change of the file of --to');
  addFilters(command, cli.mode, 'only these states, separated by commas, or all that are held', 'all');
  command.action(async (options: Options, command: Command) => {
    requireFile(options);
    const filters = { ...filtersOf(options), states: statesOf(options) };
    const { exportReservations } = await import('../export/export-reservations.ts');
    await withBackend(command, cli, async (backend) => {
      await requirePools(backend, filters.pools ?? []);
      await exportReservations(backend.reservations(filters), options, cli.terminal);
    });
  });
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} export -f hosts`,
    `${name} export -f kea --to /etc/kea/rock-mac.json --reload 'systemctl reload kea-dhcp4-server'`,
    `${name} export -f dnsmasq -p development --to /etc/dnsmasq.rock-mac --follow --reload 'pkill -HUP -x dnsmasq'`,
  );
}

function requireFile({ to, follow, reload }: Options): void {
  const flag = follow ? '--follow' : reload === undefined ? undefined : '--reload';
  if (to !== undefined || flag === undefined) return;
  throw new UserError(`${flag} is about a file.`, 'Add --to FILE.', 'usage');
}

function statesOf({ status }: Options): readonly AddressState[] {
  const states = parseStates(status) ?? RESERVING_STATES;
  const other = states.find((state) => !RESERVING_STATES.includes(state));
  if (other === undefined) return states;
  throw new UserError(`No device has an address that is ${other}.`, `Choose from ${RESERVING_STATES.join(', ')}.`);
}
