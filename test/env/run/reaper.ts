import { cleanUpRun } from './cleanup.ts';

/**
 * Outlives its run by a moment: the owner holds the other end of our stdin, and the kernel closes that however the
 * owner ends, also by SIGKILL. Then we sweep what it left. After an orderly end nothing is left to do.
 */
const folder = process.argv[2];
if (folder === undefined) throw new Error('The reaper needs the run folder as its argument.');

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Our end is the owner's end. A signal that was meant for the whole terminal must not open the gap before it.
  });
}

process.stdin.resume();
process.stdin.once('close', () => void cleanUpRun(folder));
