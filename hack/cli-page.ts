import type { Command } from 'commander';
import type { Mode } from '../cli/cli.ts';
import { EXIT_CODES, EXIT_MEANINGS, EXITS } from '../cli/errors.ts';
import { createProgram } from '../cli/program.ts';
import { createTerminal } from '../cli/terminal.ts';
import { table } from './table.ts';

/** The reference of a program: its help and that of each command, as users see them. */
export function programReference(mode: Mode): string {
  let written = '';
  const sink = {
    columns: 100,
    write: (text: string | Uint8Array) => {
      written += String(text);
      return true;
    },
  };
  const program = createProgram({ mode, terminal: createTerminal(sink, sink, {}) });
  const helpOf = (command: Command): string => {
    written = '';
    command.outputHelp();
    return `\`\`\`text\n${written.trimEnd()}\n\`\`\`\n`;
  };
  const name = mode.program;
  const sections = visibleCommands(program).map(({ path, command }) => `### \`${name} ${path}\`\n\n${helpOf(command)}`);
  return [helpOf(program), ...sections].join('\n');
}

/** The commands and their sub-commands, without those that are hidden and without `help` itself. */
function visibleCommands(parent: Command, above = ''): { readonly path: string; readonly command: Command }[] {
  const shown = parent.createHelp().visibleCommands(parent);
  return shown
    .filter((command) => command.name() !== 'help')
    .flatMap((command) => {
      const path = `${above}${command.name()}`;
      return [{ path, command }, ...visibleCommands(command, `${path} `)];
    });
}

export function exitCodeTable(): string {
  return table(
    ['code', 'meaning'],
    EXITS.map((exit) => [String(EXIT_CODES[exit]), EXIT_MEANINGS[exit]]),
  );
}

/** What no help of one command has room for. */
export const WHICH_LEDGER = `## Install

\`npm install -g rock-mac-VERSION.tgz\` (what \`npm pack\` makes; Node.js 22.19 or newer), or \`make install PREFIX=/usr/local\` from
a checkout, which brings its own Node.

## Which ledger \`rock-mac\` works on

1. what \`--ledger\` names, else \`ROCK_MAC_LEDGER_URL\`;
2. what the configuration file names (\`--config\`, else \`~/.rock/mac-dispenser.yaml\`);
3. the embedded one that \`rock-mac init\` has made on this machine. None is ever made silently.

\`\`\`yaml
ledger:
  url: postgresql://rock_mac@db.example.org/rock_mac?sslmode=verify-full
  passwordFile: ~/.rock/password # or ROCK_MAC_LEDGER_PASSWORD_FILE
\`\`\`

The configuration file of the tool before (\`mac_dispenser:\`) is taken as it is: \`init\` gives a new ledger its prefix, defines
its pools, reserves the addresses of \`reserve_first\`, and names the keys that have no effect.

## The embedded ledger

\`rock-mac init\` puts a Postgres under \`~/.rock/ledger\`: its data, a copy of its programs, its socket and its log. It listens on
the socket only and lets in only the user who made it. It starts at its first use and runs until \`rock-mac ledger stop\` or
the next boot; a kill or a loss of power costs nothing that was printed. For root it runs as the account \`postgres\`, else
\`nobody\`; where those may not enter root's home, the data lies under \`/var/lib/rock-mac\` and \`~/.rock/ledger\` is a link to it.

Back up with \`rock-mac backup\`, not by copying files of a server that runs. To remove it all: \`rock-mac ledger stop\`, then
delete what \`rock-mac ledger status\` names.

It is proved on Linux. Containers that share one home folder must not use it at the same time: neither sees the other's
server. Two ledgers over the same range know nothing of each other: give each machine a part of a range
(\`rock-mac init --pool development --range 01:00:00-01:3f:ff\`), or all of them one ledger.

## What \`kubectl rock-mac\` sees

\`list\`, \`show\`, \`stats\` and \`list --watch\` read the whole ledger where the [read API](read-api.md) answers and the user may read
it: devices, other clusters, and what was released too. Else they show the MacAllocations of the namespace and the MacPools,
and say so on stderr; \`audit\` cannot do without. \`list --watch\` looks once a second, and shows an address as it is then: of
what comes and goes within that second only the end is seen.

The plugin changes MacAllocations of the namespace, and nothing else. A claim expires with the auto-release of its pool, as
long as it is not renewed; it keeps its period, so \`renew --for\` is for ledgers only.
`;
