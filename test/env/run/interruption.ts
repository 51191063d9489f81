/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP. A second signal exits at once, for people who do not want to wait; the
 * reaper still cleans up.
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
