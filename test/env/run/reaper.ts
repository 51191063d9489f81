import { cleanUpRun } from './cleanup.ts';

/**
 * Cleans up after its run. The owner of the run holds the other end of this process's stdin. The kernel closes that end
 * however the owner exits, even after SIGKILL. After an orderly exit nothing is left to clean up.
 */
const folder = process.argv[2];
if (folder === undefined) throw new Error('The reaper needs the run folder as its argument.');

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Ignored: the reaper must outlive the owner, even if a signal reaches every process of the terminal.
  });
}

process.stdin.resume();
process.stdin.once('close', () => void cleanUpRun(folder));
