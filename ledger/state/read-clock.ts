import { z } from 'zod';
import { type Queryable, queryOne } from '../connection/statement.ts';

/** Returns what the clock of the database shows. */
export async function readClock(db: Queryable): Promise<Date> {
  const { clock } = await queryOne(db, {
    text: 'select clock_timestamp() as clock',
    values: [],
    row: z.object({ clock: z.date() }),
  });
  return clock;
}
