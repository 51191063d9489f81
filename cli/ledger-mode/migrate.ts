import { migrate, type Migrated } from '../../ledger/migrate.ts';
import type { GlobalOptions } from '../cli.ts';
import { findLedger } from './find-ledger.ts';

/** Brings the schema of the ledger up to this version. */
export async function migrateLedger(options: GlobalOptions): Promise<Migrated> {
  const { url, passwordFile } = await findLedger(options, process.env);
  return migrate(url, { passwordFile });
}
