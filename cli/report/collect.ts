import { explainError } from '../errors.ts';
import type { CollectedFile } from './report-files.ts';

/** Everything that a mode knows for a report. */
export interface Collected {
  readonly files: readonly CollectedFile[];
  /** Names that stay in it, such as those of pools. */
  readonly kept: readonly string[];
  /** Names that are only in texts, such as that of the user in what `doctor` found. */
  readonly hidden: readonly string[];
}

export interface CollectOptions {
  /** How many lines of each log, and how many entries of the audit. */
  readonly tail: number;
  /** Whether names may stay. Then the reasons that people wrote may stay too. */
  readonly withNames: boolean;
}

/** Collects one file. What cannot be read is in the file as an error: that is a finding too. */
export async function collectJson(
  name: string,
  about: string,
  read: () => Promise<unknown>,
  ours = false,
): Promise<CollectedFile> {
  try {
    return { name, about, ours, content: { json: await read() } };
  } catch (error) {
    return { name, about, ours, content: { json: { error: explainError(error, false).text } } };
  }
}

/** Returns what an entry of the audit is for somebody else: without the text that people wrote, unless names may stay. */
export function auditForReport(
  entries: readonly { readonly reason?: unknown; readonly details?: unknown }[],
  { withNames }: Pick<CollectOptions, 'withNames'>,
): unknown[] {
  return entries.map(({ reason, details, ...entry }) => (withNames ? { ...entry, reason, details } : entry));
}
