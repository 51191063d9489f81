import { type Command, InvalidArgumentError } from 'commander';
import type { Cli } from '../cli.ts';
import { watchInterruption } from '../interruption.ts';
import { addExamples } from './shared-flags.ts';

interface Options {
  readonly port: number;
  readonly browser: boolean;
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
    .action(async ({ port, browser }: Options, command: Command) => {
      const { mode, terminal } = cli;
      const { serveConsole } = await import('../console/serve.ts');
      const source = await mode.openConsole(command.optsWithGlobals(), terminal.notify);
      const interruption = watchInterruption(process);
      try {
        await serveConsole(source, { port, browser, terminal, signal: interruption.signal });
      } finally {
        interruption.stop();
        await source.close();
      }
    });
  const { program: name } = cli.mode;
  addExamples(command, `${name} dashboard`, `${name} dashboard --port 8088 --no-browser`);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It is a number from 0 to 65535.');
}
