import type { Logger } from 'pino';
import { z } from 'zod';
import { systemClock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { requireReason } from '../address/reason.ts';
import { requireValid } from '../address/validate.ts';
import { storableText } from '../column-schemas.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';

/** Reasons why nothing expires and no reuse delay passes, although the ledger is open. */
export const EXPIRY_HELD = ['clock_jumped', 'clock_unknown'] as const;
export type ExpiryHeld = (typeof EXPIRY_HELD)[number];

/** A process whose clock confirms that of the database, or does not. Without a cluster: the command line. */
export interface ClockCaller {
  readonly clusterId?: string | undefined;
  /** Stays the same when the process restarts, so that a crash loop does not count as many callers. */
  readonly name: string;
}

const callerSchema = z.object({
  clusterId: storableText(64).optional(),
  name: storableText(256).refine((name) => name !== '', 'is empty'),
});

/** Reports the clock of a caller. Returns what holds expiry back then. */
export async function reportClock(
  db: Queryable,
  caller: ClockCaller,
  clock: Date,
): Promise<ExpiryHeld | 'trusted' | 'not_registered'> {
  requireValid(callerSchema, caller, 'The caller');
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.report_clock($1, $2, $3) as outcome`,
    values: [caller.clusterId ?? null, caller.name, clock],
    row: z.object({ outcome: z.enum([...EXPIRY_HELD, 'trusted', 'not_registered']) }),
  });
  return outcome;
}

/** Half a minute in which the callers can differ. The ledger counts a report for five minutes. */
const REPORT_EVERY_MS = 30_000;

/** After a failure. The first reports after an outage let expiry go on. */
const RETRY_MS = 2_000;

/** Reports the clock of this process until the signal fires. */
export async function keepReportingClock(
  db: Queryable,
  caller: ClockCaller,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    let waitMs = REPORT_EVERY_MS;
    try {
      const outcome = await reportClock(db, caller, systemClock.date());
      // Before its registration, a cluster has no vote.
      if (outcome === 'not_registered') waitMs = RETRY_MS;
    } catch (error) {
      logger.debug({ err: error }, 'could not report the clock of this process to the ledger');
      waitMs = RETRY_MS;
    }
    await sleep(waitMs, systemClock, signal);
  }
}

/**
 * Lets time pass again, by decision of an admin who has corrected the clock. `disagrees`: most callers still do not agree
 * with the clock of the database.
 */
export async function trustClock(
  db: Queryable,
  actor: string,
  reason = 'the clock of the database is right again',
): Promise<'trusted' | 'not_held' | 'disagrees'> {
  requireReason(reason);
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.trust_clock($1, $2) as outcome`,
    values: [actor, reason],
    row: z.object({ outcome: z.enum(['trusted', 'not_held', 'disagrees']) }),
  });
  return outcome;
}
