import { type Command, InvalidArgumentError } from 'commander';
import type { Cli } from '../cli.ts';
import { watchInterruption } from '../interruption.ts';
import { addExamples } from './shared-flags.ts';

interface Options {
  readonly port: number;
  readonly browser: boolean;
  readonly proxySecretFile?: string;
  readonly listen: string;
  readonly userHeader: string;
  readonly groupsHeader: string;
}

/** `dashboard`: serves the console on this machine until Ctrl-C. */
export function addDashboard(program: Command, cli: Cli): void {
  const command = program
    .command('dashboard')
    .summary('open the console in the browser')
    .description(
      'Serves the console on 127.0.0.1 with your own rights, prints its address and opens it in the browser. Runs until ' +
        'Ctrl-C. The address works once.',
    )
    .option('--port <number>', 'port to listen on (default: a free one)', parsePort, 0)
    .option('--no-browser', 'only print the address')
    .action(async (options: Options, command: Command) => {
      const interruption = watchInterruption(process);
      const { signal } = interruption;
      try {
        if (options.proxySecretFile === undefined) await serveOwnUser(options, command, cli, signal);
        else await serveProxyUsers(options.proxySecretFile, options, command, cli, signal);
      } finally {
        interruption.stop();
      }
    });
  if (cli.mode.kind === 'cluster') {
    command
      .option(
        '--proxy-secret-file <file>',
        'serve the users of a proxy, read-only; the file has the secret of the proxy',
      )
      .option('--listen <address>', 'with a proxy: the address to listen on', '::')
      .option('--user-header <name>', 'with a proxy: the header with the user', 'X-Forwarded-User')
      .option('--groups-header <name>', 'with a proxy: the header with the groups, with commas', 'X-Forwarded-Groups');
  }
  const { program: name } = cli.mode;
  addExamples(command, `${name} dashboard`, `${name} dashboard --port 8088 --no-browser`);
}

async function serveOwnUser(
  { port, browser }: Options,
  command: Command,
  { mode, terminal }: Cli,
  signal: AbortSignal,
): Promise<void> {
  const { serveConsole } = await import('../console/serve.ts');
  const source = await mode.openConsole(command.optsWithGlobals(), terminal.notify);
  try {
    await serveConsole(source, { port, browser, terminal, signal });
  } finally {
    await source.close();
  }
}

async function serveProxyUsers(
  secretFile: string,
  { port, listen: host, userHeader, groupsHeader }: Options,
  command: Command,
  { terminal }: Cli,
  signal: AbortSignal,
): Promise<void> {
  const { openScope } = await import('../cluster-mode/open.ts');
  const { serveProxy } = await import('../cluster-mode/serve-proxy.ts');
  const scope = await openScope(command.optsWithGlobals(), terminal.notify);
  try {
    await serveProxy(scope, { secretFile, userHeader, groupsHeader, host, port, terminal, signal });
  } finally {
    await scope.client.close();
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It is a number from 0 to 65535.');
}
