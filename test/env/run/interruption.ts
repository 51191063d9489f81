/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP. A second one ends the process at once, for whom an orderly end
 * takes too long; the reaper of its run still sweeps.
 */
export function untilInterrupted(): Promise<undefined> {
  return new Promise((resolve) => {
    let interrupted = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (interrupted) process.exit(130);
        interrupted = true;
        resolve(undefined);
      });
    }
  });
}
