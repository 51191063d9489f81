import type { HeldAddress } from '../../ledger/reservations/reservation.ts';
import type { ReservationWatch } from '../../ledger/reservations/reservation-watch.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { explainError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { runReload } from './reload.ts';
import { writeIfChanged } from './write-file.ts';

export interface KeptFile {
  readonly file: string;
  /** Makes the server read the file again. */
  readonly reload?: string | undefined;
  readonly watch: ReservationWatch;
  readonly render: (addresses: readonly HeldAddress[]) => string;
  readonly notify: Terminal['notify'];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How soon a change is noticed. */
const POLL_MS = 500;

/** Changes in a row wait longer and longer, so ten thousand of them make few reloads. */
const MOST_POLL_MS = 4_000;

/** How long a failed reload waits for the next attempt. */
const RETRY_RELOAD_MS = 5_000;

/**
 * Keeps a file as the reservations are, until the signal fires. The first write must succeed. Later the file stays as it is while the
 * ledger is away: a server with an empty file would forget its devices.
 */
export async function keepFile({ file, reload, watch, render, notify, clock, signal }: KeptFile): Promise<void> {
  let pollMs = POLL_MS;
  let problem: string | undefined;
  /** What the file must have. It stays until that is written: a full disk must not lose a change. */
  let due: string | undefined;
  // An earlier process may have ended between its write and its reload.
  let reloadAtMs: number | undefined = clock.now();

  const update = async (): Promise<void> => {
    const addresses = await watch.next();
    if (addresses !== undefined) due = render(addresses);
    const isNew = due !== undefined && (await writeIfChanged(file, due));
    due = undefined;
    if (!isNew) {
      pollMs = POLL_MS;
      return;
    }
    notify(`${file} was written.`);
    reloadAtMs = clock.now();
    pollMs = Math.min(pollMs + POLL_MS, MOST_POLL_MS);
  };

  const updateOrReport = async (): Promise<void> => {
    try {
      await update();
      if (problem !== undefined) notify(`${file} is up to date again.`);
      problem = undefined;
    } catch (error) {
      const { text } = explainError(error, false);
      if (!signal.aborted && text !== problem)
        notify(`${text} ${file} stays as it is, and is updated when this works.`);
      problem = text;
    }
  };

  await update();
  pollMs = POLL_MS;
  for (;;) {
    if (reload !== undefined && reloadAtMs !== undefined && clock.now() >= reloadAtMs) {
      const failure = await runReload(reload, { signal });
      if (signal.aborted) return;
      reloadAtMs = failure === undefined ? undefined : clock.now() + RETRY_RELOAD_MS;
      if (failure !== undefined) notify(`The reload failed (${failure}): ${reload}. It is tried again.`);
    }
    await sleep(pollMs, clock, signal);
    if (signal.aborted) return;
    await updateOrReport();
  }
}
