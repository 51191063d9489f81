/** Catches Ctrl-C and SIGTERM while a command must clean up before it ends. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Restores the default: signals end the process at once. */
  stop(): void;
}

/** The first signal aborts `signal`. A second one ends the process without cleaning up. */
export function watchInterruption(process: NodeJS.Process): Interruption {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    stop: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
