import { z } from 'zod';
import { type Queryable, queryOne } from '../connection/statement.ts';

/**
 * Seals every committed row of the audit that is in no seal, and returns how many. Each statement seals a bounded number,
 * so none takes long. `signal` ends it between two statements.
 */
export async function sealAudit(db: Queryable, signal?: AbortSignal): Promise<number> {
  let total = 0;
  while (signal?.aborted !== true) {
    const { rows } = await queryOne(db, {
      text: 'select rock_mac.seal() as rows',
      values: [],
      row: z.object({ rows: z.int() }),
    });
    if (rows === 0) break;
    total += rows;
  }
  return total;
}
