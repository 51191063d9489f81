import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { readAssets } from '../../cli/console/assets.ts';
import { createLocalGate, type LocalGate } from '../../cli/console/local-gate.ts';
import { startConsoleServer } from '../../cli/console/server.ts';
import type { ConsoleSource } from '../../cli/console/source.ts';
import { ledgerMode } from '../../cli/ledger-mode/mode.ts';
import { bundleConsole } from '../../hack/bundle.ts';

/** A console that runs, and what it logged. */
export interface RunningConsole {
  readonly origin: string;
  /** Returns an address that opens a session once. */
  readonly url: () => string;
  readonly logged: readonly string[];
  close(): Promise<void>;
}

/** Starts the console for a ledger, as `rock-mac dashboard` does. */
export async function startConsole(ledgerUrl: string): Promise<RunningConsole> {
  return await serve(await ledgerMode.openConsole({ ledger: ledgerUrl }, () => undefined));
}

/** Serves a source with the page of the sources. */
export async function serve(source: ConsoleSource): Promise<RunningConsole> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-console-'));
  await bundleConsole(folder);
  const logged: string[] = [];
  let gate: LocalGate | undefined;
  const server = await startConsoleServer({
    gate: (port) => (gate = createLocalGate(port, source)),
    assets: await readAssets(pathToFileURL(`${folder}/`)),
    logger: { error: (fields: unknown) => logged.push(JSON.stringify(fields, errorsAsText)) },
    host: '127.0.0.1',
    port: 0,
  });
  await rm(folder, { recursive: true });
  return {
    origin: `http://127.0.0.1:${String(server.port)}`,
    url: () => gate?.url() ?? '',
    logged,
    close: async () => {
      await server.close();
      await source.close();
    },
  };
}

function errorsAsText(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.stack : value;
}
