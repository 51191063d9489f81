import { once } from 'node:events';
import { systemReason } from '../../api/system-reason.ts';
import { UserError } from '../errors.ts';
import type { Terminal } from '../terminal.ts';
import { readAssets } from './assets.ts';
import { createLocalGate, type LocalGate } from './local-gate.ts';
import { openBrowser } from './open-browser.ts';
import { startConsoleServer } from './server.ts';
import type { ConsoleSource } from './source.ts';

export interface ServeOptions {
  /** 0 selects a free port. */
  readonly port: number;
  readonly browser: boolean;
  readonly terminal: Terminal;
  /** Ends the server. */
  readonly signal: AbortSignal;
}

/** Serves the console on 127.0.0.1 until the signal. Prints the address to stdout. */
export async function serveConsole(source: ConsoleSource, options: ServeOptions): Promise<void> {
  const { port, browser, terminal, signal } = options;
  const assets = await readAssets();
  let gate: LocalGate | undefined;
  const server = await startConsoleServer({
    gate: (actualPort) => (gate = createLocalGate(actualPort, source)),
    assets,
    logger: {
      error: (fields: unknown, text?: string) => {
        terminal.notify(`Error: ${text ?? ''} ${describe(fields)}`);
      },
    },
    host: '127.0.0.1',
    port,
  }).catch((error: unknown) => {
    throw error instanceof Error && 'code' in error
      ? new UserError(`Port ${String(port)} cannot be used (${systemReason(error)}).`, 'Choose another --port.')
      : error;
  });
  const url = gate?.url() ?? '';
  terminal.print(url);
  terminal.notify('The console runs until Ctrl-C. The address works once, in one browser.');
  const opened = browser ? await openBrowser(url) : undefined;
  try {
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    await opened?.close();
    await server.close();
  }
}

/** Returns the error of a log line. */
function describe(fields: unknown): string {
  const error = typeof fields === 'object' && fields !== null && 'err' in fields ? fields.err : undefined;
  return error instanceof Error ? (error.stack ?? error.message) : '';
}
