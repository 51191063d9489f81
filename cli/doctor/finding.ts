import { explainError } from '../errors.ts';

/** From what needs no action to what stops the work. */
export const LEVELS = ['ok', 'warning', 'error'] as const;
export type Level = (typeof LEVELS)[number];

/** What `doctor` found out about one subject. */
export interface Finding {
  readonly level: Level;
  readonly subject: string;
  readonly message: string;
  /** Absent if there is nothing to do, or if the message already names it. */
  readonly next?: string | undefined;
}

export function fine(subject: string, message: string): Finding {
  return { level: 'ok', subject, message };
}

export function warning(subject: string, message: string, next?: string): Finding {
  return { level: 'warning', subject, message, next };
}

export function failure(subject: string, message: string, next?: string): Finding {
  return { level: 'error', subject, message, next };
}

/** Runs a check. An error of it becomes a finding, so that the checks after it still run. */
export async function examine(
  subject: string,
  check: () => Promise<readonly Finding[]>,
  explain: (error: unknown) => unknown = (error) => error,
): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    return [failure(subject, explainError(explain(error), false).text)];
  }
}
