import type { Logger } from 'pino';

/** A program that runs until it is told to stop. */
export interface Service {
  /** Ends it in order. Called once. */
  stop(): Promise<void>;
}

/**
 * Runs a service as this process: starts it, waits for SIGTERM or SIGINT, stops it in order, and sets the exit code.
 * A second signal ends it at once, for the person who cannot wait.
 */
export async function runProcess(start: () => Promise<Service>, logger: Logger): Promise<void> {
  const { promise: told, resolve: tell } = Promise.withResolvers<NodeJS.Signals>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals++;
    if (signals > 1) process.exit(1);
    tell(signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    const service = await Promise.race([start(), told]);
    if (typeof service === 'string') {
      // What it waits for (an API server that is away, say) may never come, and nothing is in use yet.
      logger.info({ signal: service }, 'stopped before it was up');
      process.exit(0);
    }
    const signal = await told;
    logger.info({ signal }, 'stopping');
    await service.stop();
    logger.info('stopped');
  } catch (error) {
    logger.fatal({ err: error }, 'cannot run');
    // What was started before the failure (a health server, say) would keep the process alive for ever.
    process.exit(1);
  }
}
