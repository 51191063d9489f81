import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { type Conflict, conflictsCsv, placeText } from '../import/conflicts.ts';
import { decideEntries, type EntrySettings, type PlacedAddress } from '../import/entries.ts';
import { FORMAT_READERS, type ImportFormat } from '../import/formats.ts';
import type { FileNote } from '../import/parsed-file.ts';
import type { Decided } from '../import/plan.ts';
import { readTexts } from '../import/read-files.ts';
import { outsideLine, summaryLines } from '../import/report.ts';
import { watchInterruption } from '../interruption.ts';
import { csvLines } from '../output/csv.ts';
import { requirePools } from '../require-known.ts';
import type { Terminal } from '../terminal.ts';
import { currentUser } from './current-user.ts';
import { configuredLedger } from './find-ledger.ts';
import { runSteps, type Steps, type StepSettings } from './import-steps.ts';
import { LONG_STATEMENT_MS, withLedger } from './open.ts';
import { reportOwnClock } from './own-clock.ts';
import { requireDecision } from './predecessor-file.ts';
import { sealOnTheSide } from './seal.ts';
import { rowsProgress } from './write-backup.ts';

export interface ImportFilesOptions extends EntrySettings {
  readonly format: ImportFormat;
  /** Files, folders, and `-` for standard input. */
  readonly files: readonly string[];
  readonly dryRun: boolean;
  readonly reserved: boolean;
  readonly update: boolean;
  readonly skipConflicts: boolean;
  /** The file for a table of all conflicts. */
  readonly conflicts?: string | undefined;
  readonly overrideDelay: boolean;
  readonly reason?: string | undefined;
}

type Output = Pick<Terminal, 'print' | 'notify' | 'progress'>;

/**
 * Imports the addresses that files of other programs name. Reads and compares everything first, so a bad file or a conflict changes
 * nothing. Then it writes in batches; the same command goes on after an interruption, because what is done is unchanged.
 */
export async function importFiles(options: GlobalOptions, wanted: ImportFilesOptions, terminal: Output): Promise<void> {
  const { found, files } = await readFound(wanted, terminal);
  const { entries, conflicts: inFiles } = decideEntries(found, wanted);
  const settings = stepSettings(wanted);
  const namedPools = wanted.pool === undefined ? [] : [wanted.pool];
  // At once, because a file that cannot be written must not fail an import that is done.
  if (wanted.conflicts !== undefined) await writeConflicts(wanted.conflicts, inFiles);
  await withLedger(
    options,
    async (ledger) => {
      await requireDecision(ledger, (await configuredLedger(options, process.env)).config);
      const pools = await listPools(ledger);
      // In one that does not exist, every address would be in another one.
      await requirePools({ pools: () => Promise.resolve(pools) }, namedPools);
      // Also in a dry run, which would otherwise see a reuse delay where the import sees none.
      await reportOwnClock(ledger);
      const plan = { ...settings, write: false };
      const planned = await runSteps(ledger, entries, plan, { onRows: rowsProgress(terminal, 'Compared') });
      const expected = [...inFiles, ...planned.conflicts];
      const refused = expected.length > 0 && !wanted.skipConflicts;
      const written = refused || wanted.dryRun ? undefined : await writeAll(ledger, planned, settings, terminal);
      const conflicts = [...expected, ...(written?.conflicts ?? [])];
      const periods = new Map(pools.map((pool) => [pool.name, pool.autoReleaseSeconds]));
      const { decided } = written ?? planned;
      const { reserved } = wanted;
      const lines = summaryLines({ done: written !== undefined, files, decided, conflicts, reserved, periods });
      for (const line of lines) terminal.print(line);
      if (wanted.conflicts !== undefined) await writeConflicts(wanted.conflicts, conflicts);
      if (refused) throw refusedError(conflicts.length);
      if (written !== undefined && written.conflicts.length > 0) throw changedError(written.conflicts.length);
    },
    { statementTimeoutMs: LONG_STATEMENT_MS },
  );
}

function stepSettings({ reserved, update, overrideDelay, reason }: ImportFilesOptions): StepSettings {
  return { write: true, update, reserved, overrideDelay, actor: currentUser(), reason };
}

/** Reads and parses all files. Throws a UserError for the first that cannot be read, before anything is changed. */
async function readFound(wanted: ImportFilesOptions, terminal: Output) {
  const { files: accepts, load } = FORMAT_READERS[wanted.format];
  const parse = await load();
  const texts = await readTexts(wanted.files, accepts, process.stdin);
  const parsed = texts.map(({ file, text }) => ({ file, ...parse(text, path.basename(file)) }));
  const isRefused = parsed.every((each) => !each.ok);
  const found: PlacedAddress[] = [];
  const notes: string[] = [];
  for (const each of parsed) {
    const { file } = each;
    if (each.ok) {
      for (const address of each.found) found.push({ ...address, file });
      for (const { line, text } of each.notes) notes.push(`${placeText({ file, line })}: ${text}`);
    } else if (isRefused || !each.isOther) throw unreadableError(file, each.unreadable);
    else notes.push(`${file}: ${each.unreadable.text}`);
  }
  for (const note of notes.slice(0, SHOWN_NOTES)) terminal.notify(outsideLine(`Left out: ${note}.`));
  if (notes.length > SHOWN_NOTES) terminal.notify(`Left out: ${String(notes.length - SHOWN_NOTES)} more.`);
  return { found, files: texts.length };
}

const SHOWN_NOTES = 10;

function unreadableError(file: string, { line, text }: FileNote): UserError {
  const next = 'Correct the file, or name another format.';
  return new UserError(`Nothing was imported: ${placeText({ file, line })}: ${outsideLine(text)}.`, next);
}

/** Writes what the plan found to be new or changed. An interruption ends it after a batch, and says how to go on. */
async function writeAll(
  ledger: LedgerClient,
  planned: Steps,
  settings: StepSettings,
  terminal: Output,
): Promise<Steps> {
  const isChange = ({ kind }: Decided) => kind === 'imported' || kind === 'updated';
  const entries = planned.decided.filter(isChange).map(({ entry }) => entry);
  const others = planned.decided.filter((each) => !isChange(each));
  const interruption = watchInterruption(process);
  const showProgress = rowsProgress(terminal, 'Imported');
  let done = 0;
  const onRows = (rows: number, total: number) => {
    done = rows;
    showProgress(rows, total);
  };
  const sayHowFar = () => {
    terminal.notify(
      `${String(done)} of ${String(entries.length)} addresses were written. The same command goes on with the others.`,
    );
  };
  try {
    const steps = await runSteps(ledger, entries, settings, { onRows, signal: interruption.signal });
    if (done < entries.length) throw new UserError('Interrupted.', 'Run the same command again to go on.');
    return { decided: [...others, ...steps.decided], conflicts: steps.conflicts };
  } catch (error) {
    sayHowFar();
    throw error;
  } finally {
    interruption.stop();
    await sealOnTheSide(ledger);
  }
}

async function writeConflicts(file: string, conflicts: readonly Conflict[]): Promise<void> {
  await writeFile(file, `${csvLines(conflictsCsv(conflicts)).join('\n')}\n`);
}

function refusedError(count: number): UserError {
  return new UserError(
    `Nothing was imported because of ${String(count)} conflict(s).`,
    'Resolve them, or add --skip-conflicts to import the others.',
    'conflict',
  );
}

function changedError(count: number): UserError {
  return new UserError(
    `${String(count)} address(es) got another owner while the import ran, and were left to it.`,
    'Run the same command again to see which.',
    'conflict',
  );
}
