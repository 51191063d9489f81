import { type ExportFormat, NEEDED, renderReservations } from '../../ledger/reservations/formats.ts';
import { type HeldAddress, reservationsOf } from '../../ledger/reservations/reservation.ts';
import { createReservationWatch, type ReservationSource } from '../../ledger/reservations/reservation-watch.ts';
import { systemClock } from '../../time/clock.ts';
import { UserError } from '../errors.ts';
import { watchInterruption } from '../interruption.ts';
import type { Terminal } from '../terminal.ts';
import { keepFile } from './keep-file.ts';
import { runReload } from './reload.ts';
import { writeIfChanged } from './write-file.ts';

export interface ExportOptions {
  readonly format: ExportFormat;
  readonly to?: string;
  readonly follow: boolean;
  readonly reload?: string;
}

/** Prints the reservations, writes them to a file, or keeps the file current. */
export async function exportReservations(
  source: ReservationSource,
  { format, to, follow, reload }: ExportOptions,
  terminal: Pick<Terminal, 'write' | 'notify'>,
): Promise<void> {
  const { notify } = terminal;
  const noteNew = createNotes(notify);
  const render = (addresses: readonly HeldAddress[]): string => {
    const { reservations, notes } = reservationsOf(addresses);
    const { text, leftOut } = renderReservations(format, reservations);
    noteNew([...notes, ...(leftOut === 0 ? [] : [leftOutNote(leftOut, format)])]);
    return text;
  };
  if (to === undefined) {
    terminal.write(render(await source.list()));
    return;
  }
  if (!follow) {
    const isNew = await writeIfChanged(to, render(await source.list()));
    notify(isNew ? `${to} was written.` : `${to} is up to date already.`);
    if (isNew && reload !== undefined) await untilInterruption((signal) => reloadOrFail(reload, signal));
    return;
  }
  const watch = createReservationWatch(source, () => systemClock.now());
  await untilInterruption((signal) =>
    keepFile({ file: to, reload, watch, render, notify, clock: systemClock, signal }),
  );
}

async function untilInterruption(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interruption = watchInterruption(process);
  try {
    await run(interruption.signal);
  } finally {
    interruption.stop();
  }
}

async function reloadOrFail(reload: string, signal: AbortSignal): Promise<void> {
  const failure = await runReload(reload, { signal });
  if (failure === undefined) return;
  throw new UserError(`The file was written, but the reload failed (${failure}).`, `Run it again: ${reload}`);
}

function leftOutNote(count: number, format: ExportFormat): string {
  const who = count === 1 ? '1 address is' : `${String(count)} addresses are`;
  return `${who} not in the file: ${format} needs ${NEEDED[format]}.`;
}

/** More are not read by anybody. */
const SHOWN_NOTES = 20;

/** Returns a function that prints what was left out, but nothing that it printed the last time. */
function createNotes(notify: Terminal['notify']): (notes: readonly string[]) => void {
  let before: ReadonlySet<string> = new Set();
  return (notes) => {
    const newOnes = notes.filter((note) => !before.has(note));
    for (const note of newOnes.slice(0, SHOWN_NOTES)) notify(`Note: ${note}`);
    if (newOnes.length > SHOWN_NOTES) notify(`Note: ${String(newOnes.length - SHOWN_NOTES)} more like these.`);
    before = new Set(notes);
  };
}
