import type { Logger } from 'pino';

/** A program that runs until it is stopped. */
export interface Stoppable {
  /** Stops it gracefully. Called once. */
  stop(): Promise<void>;
}

/**
 * Runs a service as this process: starts it, waits for SIGTERM or SIGINT, stops it gracefully and sets the exit code.
 * A second signal ends the process at once.
 */
export async function runProcess(start: () => Promise<Stoppable>, logger: Logger): Promise<void> {
  const { promise: signalled, resolve: resolveSignal } = Promise.withResolvers<NodeJS.Signals>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals++;
    if (signals > 1) process.exit(1);
    resolveSignal(signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    const service = await Promise.race([start(), signalled]);
    if (typeof service === 'string') {
      // It may wait for something that never comes, such as an API server, and nothing is in use yet.
      logger.info({ signal: service }, 'stopped before it was up');
      process.exit(0);
    }
    const signal = await signalled;
    logger.info({ signal }, 'stopping');
    await service.stop();
    logger.info('stopped');
  } catch (error) {
    logger.fatal({ err: error }, 'cannot run');
    // Without the exit, a part that already runs (such as the health server) would keep the process alive.
    process.exit(1);
  }
}
