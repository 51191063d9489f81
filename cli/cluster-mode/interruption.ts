/** Ctrl-C and SIGTERM while something must be put in order before the end. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** From then on they end the process at once again. */
  stop(): void;
}

/** The first one fires the signal; whoever cannot wait sends a second one. */
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
