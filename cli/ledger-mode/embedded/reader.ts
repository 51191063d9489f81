import { z } from 'zod';
import type { Queryable } from '../../../ledger/connection/statement.ts';
import { embeddedUrl, type EmbeddedFolder } from './folder.ts';

/**
 * The account of the embedded Postgres by which `rock-mac sql` comes. Everything else comes as its superuser, whose sessions
 * can take all rights back whatever role they have set.
 */
export const READER = 'rock_mac_reader';

export function readerUrl(folder: Pick<EmbeddedFolder, 'run'>): string {
  return embeddedUrl(folder, READER);
}

/** Makes the account, where it is not there yet, as one of the auditors. */
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
