import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { clusterMode } from './cluster-mode/mode.ts';
import { ledgerMode } from './ledger-mode/mode.ts';
import { createProgram } from './program.ts';
import { run } from './run.ts';
import { createTerminal } from './terminal.ts';

/** Returns a terminal of 80 columns that collects what it is given. */
function collecting() {
  const texts: string[] = [];
  const stream = { write: (text: string) => texts.push(text) > 0, columns: 80 };
  return { terminal: createTerminal(stream, stream, {}), text: () => texts.join('') };
}

function pathsOf(command: Command, path: readonly string[] = []): readonly (readonly string[])[] {
  return [path, ...command.commands.flatMap((child) => pathsOf(child, [...path, child.name()]))];
}

test.each([
  ['rock-mac', ledgerMode],
  ['kubectl-rock_mac', clusterMode],
] as const)('the help of every command of %s fits into 80 columns, and no default is a riddle', async (name, mode) => {
  const { terminal } = collecting();
  for (const path of pathsOf(createProgram({ mode, terminal }))) {
    const output = collecting();
    expect(await run(name, [...path, '--help'], output.terminal)).toBe(0);
    const [help = ''] = output.text().split('\nExamples:\n'); // commands to copy stay on one line
    expect(help).not.toMatch(/default: *(?:null|false|"")/);
    expect({ path, tooLong: help.split('\n').filter((line) => line.length > 80) }).toEqual({ path, tooLong: [] });
  }
});

test.each([['help', 'pool', 'add'], ['help', 'whois'], ['help']])(
  '%s %s %s prints the help of that command',
  async (...args) => {
    const [typed, asked] = [collecting(), collecting()];
    const path = args.slice(1);
    expect(await run('rock-mac', args, typed.terminal)).toBe(0);
    expect(await run('rock-mac', [...path, '--help'], asked.terminal)).toBe(0);
    expect(typed.text()).toBe(asked.text());
  },
);

test.each([
  [['release'], 'rock-mac release'],
  [['pool', 'add', 'lab', '--first', 'a4:58:0f:10:00:00'], 'rock-mac pool add'],
  [['pool', 'add'], 'rock-mac pool add'],
  [['--ledger', '', 'list'], 'rock-mac'],
  [['alocate'], 'rock-mac'],
  [['help', 'alocate'], 'rock-mac'],
])('a usage error of %j names the help of its command', async (args, command) => {
  const output = collecting();
  expect(await run('rock-mac', args, output.terminal)).toBe(2);
  expect(output.text()).toMatch(new RegExp(` See \`${command} --help\`\\.\\n$`));
});
