import { z } from 'zod';
import type { Queryable } from '../../../ledger/connection/statement.ts';
import { type EmbeddedFolder, embeddedUrl } from './folder.ts';

/**
 * The account of the embedded Postgres that `rock-mac sql` uses. All other commands use its superuser, which could regain
 * all rights from any role.
 */
export const READER = 'rock_mac_reader';

export function readerUrl(folder: Pick<EmbeddedFolder, 'run'>): string {
  return embeddedUrl(folder, READER);
}

/** Creates the account as an auditor, unless it exists. */
export async function ensureReader(ledger: Queryable): Promise<void> {
  await ledger.query({
    text: `do $$ begin
             create role ${READER} login in role rock_mac_auditor;
           exception when duplicate_object or unique_violation then null;
           end $$`,
    values: [],
    row: z.never(),
  });
}
