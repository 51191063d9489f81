import { writeFile } from 'node:fs/promises';
import { strToU8, zipSync } from 'fflate';
import { systemReason } from '../../api/system-reason.ts';
import { UserError } from '../errors.ts';
import type { ReportFile } from './report-files.ts';

/** Returns `rock-mac-report-20260131-090507.zip`, with the time in UTC. */
export function defaultReportFile(now: Date): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  return `rock-mac-report-${stamp}.zip`;
}

/** Writes the files as a zip archive that only this user can read. Never overwrites a file. */
export async function writeReport(file: string, files: readonly ReportFile[], now: Date): Promise<void> {
  const entries = files.map(({ name, text }) => [`rock-mac-report/${name}`, strToU8(text)] as const);
  try {
    await writeFile(file, zipSync(Object.fromEntries(entries), { mtime: now }), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw new UserError(
      `The report cannot be written to ${file} (${systemReason(error)}).`,
      'Name another file: --to FILE.',
    );
  }
}
