import type { Queryable } from '../../ledger/connection/statement.ts';
import { reportClock } from '../../ledger/state/clock.ts';

/** Reports the clock of this machine. It confirms that of the database only in a ledger that no cluster reports to. */
export async function reportOwnClock(ledger: Queryable): Promise<void> {
  await reportClock(ledger, { name: 'rock-mac' }, new Date());
}
