import { spawn } from 'node:child_process';
import { formatDuration } from '../../api/duration.ts';

/** A server that takes longer is waited for no more: the next change must reach the file. */
const TIMEOUT_MS = 60_000;

export interface ReloadLimits {
  readonly timeoutMs?: number;
  /** Ends the command when it fires. */
  readonly signal: AbortSignal;
}

/**
 * Runs the command that makes a server read its file again, in a shell, exactly as the user wrote it. Its output goes to stderr.
 * Returns `undefined`, or why it failed.
 */
export function runReload(
  command: string,
  { timeoutMs = TIMEOUT_MS, signal: interruption }: ReloadLimits,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    if (interruption.aborted) {
      resolve('it was interrupted');
      return;
    }
    // In a process group of its own: a shell that ends leaves behind what it waits for, one more at each attempt.
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', 2, 2], detached: true });
    const end = (signal: NodeJS.Signals, failure: string): void => {
      finish(failure);
      endGroup(child.pid, signal);
    };
    const timer = setTimeout(() => {
      end('SIGKILL', `it took longer than ${formatDuration(timeoutMs / 1_000)}`);
    }, timeoutMs);
    const onInterruption = (): void => {
      end('SIGTERM', 'it was interrupted');
    };
    const finish = (failure: string | undefined): void => {
      clearTimeout(timer);
      interruption.removeEventListener('abort', onInterruption);
      resolve(failure);
    };
    interruption.addEventListener('abort', onInterruption);
    child.once('error', (error) => {
      finish(error.message);
    });
    child.once('exit', (code, signal) => {
      if (code === 0) finish(undefined);
      else finish(signal === null ? `exit code ${String(code)}` : `ended by ${signal}`);
    });
  });
}

function endGroup(group: number | undefined, signal: NodeJS.Signals): void {
  if (group === undefined) return;
  try {
    process.kill(-group, signal);
  } catch {
    // It has just ended by itself.
  }
}
