import { spawn } from 'node:child_process';

/** A server that takes longer is waited for no more: the next change must reach the file. */
const TIMEOUT_MS = 60_000;

/**
 * Runs the command that makes a server read its file again, in a shell, exactly as the user wrote it. Its output goes to stderr.
 * Returns `undefined`, or why it failed.
 */
export function runReload(command: string, timeoutMs = TIMEOUT_MS): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', 2, 2], timeout: timeoutMs });
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(signal === null ? `exit code ${String(code)}` : `ended by ${signal}`);
    });
  });
}
