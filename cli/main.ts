#!/usr/bin/env node
import path from 'node:path';
import { systemReason } from '../api/system-reason.ts';
import { createTerminal } from './terminal.ts';

/** The oldest Node.js that the dependencies support, as in `engines` of package.json. */
const OLDEST_NODE = [22, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
  const wanted = OLDEST_NODE.join('.');
  process.stderr.write(`Error: rock-mac needs Node.js ${wanted} or newer, this is ${process.versions.node}.\n`);
  process.exit(1);
}

// A closed pipe (`| head -1`) is not a failure; a full disk is.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`Error: The command has run, but its output could not be written (${systemReason(error)}).\n`);
  process.exit(1);
});

const { run } = await import('./run.ts');
const name = path.basename(process.argv[1] ?? '').replace(/\.[jt]s$/, '');
const terminal = createTerminal(process.stdout, process.stderr, process.env, process.stdin);
const exitCode = await run(name, process.argv.slice(2), terminal);
// Exits once the output is flushed, without waiting for open connections: a server may keep one open for a minute
// after it has rejected a password.
process.stdout.write('', (error) => {
  if (error) return; // the error listener above ends the process
  process.stderr.write('', () => {
    process.exit(exitCode);
  });
});
