import { formatDuration } from '../../api/duration.ts';
import { shortened } from '../output/shortened.ts';
import { printable } from '../output/table.ts';
import { type Conflict, CONFLICT_KINDS, type ConflictKind, placeText } from './conflicts.ts';
import type { Decided } from './plan.ts';

/** What an import did, or would do. */
export interface ImportSummary {
  /** Whether it was written. Otherwise it was a dry run, or conflicts refused the import. */
  readonly done: boolean;
  readonly files: number;
  readonly decided: readonly Decided[];
  readonly conflicts: readonly Conflict[];
  readonly reserved: boolean;
  /** How long a pool leaves an address to its device; null: without end. */
  readonly periods: ReadonlyMap<string, number | null>;
}

/** How many conflicts are printed. `--conflicts` writes all. */
const SHOWN = 10;

/** Returns the lines to print. Pure. */
export function summaryLines(summary: ImportSummary): string[] {
  const { decided, conflicts, done } = summary;
  const count = (kind: Decided['kind']) => decided.filter((each) => each.kind === kind).length;
  const [unchanged, differs, updated] = [count('unchanged'), count('differs'), count('updated')];
  return [
    `${done ? 'Imported' : 'Would import'} ${counted(count('imported'), 'address')} of ${counted(summary.files, 'file')}`,
    ...poolLines(summary),
    ...(updated === 0 ? [] : [`${done ? 'Updated' : 'Would update'} the metadata of ${counted(updated, 'address')}`]),
    ...(unchanged === 0 ? [] : [`Unchanged: ${grouped(unchanged)}`]),
    ...(differs === 0
      ? []
      : [`Other metadata in the ledger: ${grouped(differs)}. Add --update to write that of the files.`]),
    ...conflictLines(conflicts),
  ];
}

function poolLines({ decided, periods, reserved }: ImportSummary): string[] {
  const imported = decided.filter(({ kind }) => kind === 'imported');
  return [...Map.groupBy(imported, ({ pool }) => pool)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([pool, all]) => {
      const seconds = periods.get(pool) ?? null;
      const areKept = reserved || seconds === null || all.every(({ entry }) => entry.reserved === true);
      const end = areKept
        ? ''
        : `, released after ${formatDuration(seconds)} unless they are renewed; --reserved keeps them`;
      return `  ${pool}: ${grouped(all.length)}${end}`;
    });
}

function conflictLines(conflicts: readonly Conflict[]): string[] {
  if (conflicts.length === 0) return [];
  const kinds = Object.keys(CONFLICT_KINDS) as ConflictKind[];
  const byKind = Map.groupBy(conflicts, ({ kind }) => kind);
  const counts = kinds.flatMap((kind) => {
    const number = byKind.get(kind)?.length ?? 0;
    const { heading, next } = CONFLICT_KINDS[kind];
    return number === 0 ? [] : [`  ${heading}: ${grouped(number)}. ${next}`];
  });
  // All of it is text from outside, which a terminal must not obey.
  const shown = conflicts.slice(0, SHOWN).map(({ place, mac, device, detail }) => {
    return outsideLine(`  ${placeText(place)}: ${mac}${device === '' ? '' : ` (${device})`}: ${detail}`);
  });
  const left = conflicts.length - shown.length;
  return [
    `Conflicts: ${grouped(conflicts.length)}`,
    ...counts,
    left === 0 ? 'They are:' : `The first ${String(SHOWN)} are (--conflicts FILE writes all):`,
    ...shown,
  ];
}

/** A file may have a name of megabytes. `--conflicts` writes all of it. */
const MAX_LINE = 500;

/** Returns a text from outside as a line that a terminal shows. */
export function outsideLine(text: string): string {
  return printable(shortened(text, MAX_LINE));
}

function counted(number: number, noun: 'address' | 'file'): string {
  return `${grouped(number)} ${noun}${number === 1 ? '' : noun === 'address' ? 'es' : 's'}`;
}

function grouped(number: number): string {
  return number.toLocaleString('en-US');
}
