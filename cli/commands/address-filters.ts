import type { Command } from 'commander';
import type { MetadataTerm } from '../../ledger/address/metadata-term.ts';
import type { ListFilters } from '../backend.ts';
import type { Mode } from '../cli.ts';
import {
  parseAge,
  parseDeviceText,
  parseMetadataFilter,
  parseMoment,
  parsePools,
  parseSelector,
} from './parse-values.ts';

/** The values of the flags that select addresses. */
export interface FilterOptions {
  readonly pool?: readonly string[];
  readonly status: string;
  readonly device?: string;
  readonly deviceType?: string;
  readonly metadata?: readonly MetadataTerm[];
  readonly owner?: string;
  readonly ownerNamespace?: string;
  readonly since?: Date;
  readonly olderThan?: Date;
  readonly selector?: string;
}

/** The names of these flags, except that of the status, which always has a value. */
export const FILTERS = [
  ...([
    'pool',
    'device',
    'deviceType',
    'metadata',
    'owner',
    'ownerNamespace',
    'since',
    'olderThan',
    'selector',
  ] as const),
];

/** Adds the flags that select addresses. */
export function addFilters(command: Command, mode: Mode, statusText: string, status = 'active'): void {
  command
    .option('-p, --pool <name>', 'only addresses of these pools, separated by commas', parsePools)
    .option('-s, --status <states>', statusText, status)
    .option('-d, --device <id>', 'only addresses of this device', parseDeviceText)
    .option('--device-type <type>', 'only addresses of devices of this type', parseDeviceText)
    .option(
      '-m, --metadata <key=value>',
      'only addresses with this metadata, or with this key; repeatable: all must fit',
      parseMetadataFilter,
    )
    .option('--owner <object>', 'only addresses of this object: name, namespace/name or kind/namespace/name')
    .option('--owner-namespace <name>', 'only addresses of objects in this namespace')
    .option('--since <moment>', 'only addresses allocated since an age (2h, 7d) or a date', (text) => parseMoment(text))
    .option('--older-than <age>', 'only addresses allocated longer ago, such as 30d', (text) => parseAge(text));
  if (mode.kind === 'cluster') {
    command.option('-l, --selector <labels>', 'only addresses whose MacAllocation has these labels', parseSelector);
  }
}

/** Returns the filters of a query. The status is apart: not every command has the same. */
export function filtersOf(options: FilterOptions): Omit<ListFilters, 'states'> {
  const { pool: pools, device, deviceType, metadata, owner, ownerNamespace: namespace } = options;
  const { since, olderThan: before, selector: labels } = options;
  return { pools, device, deviceType, metadata, owner, namespace, since, before, labels };
}
