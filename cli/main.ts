#!/usr/bin/env node
import path from 'node:path';
import { createTerminal } from './terminal.ts';

/** What the libraries of the program run on. */
const OLDEST_NODE = [22, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
  const wanted = OLDEST_NODE.join('.');
  process.stderr.write(`Error: rock-mac needs Node.js ${wanted} or newer, this is ${process.versions.node}.\n`);
  process.exit(1);
}

// A reader who has seen enough (`| head -1`) is no failure; a full disk is one.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`Error: What was done is done, but it could not be printed (${error.message}).\n`);
  process.exit(1);
});

const { run } = await import('./run.ts');
const name = path.basename(process.argv[1] ?? '').replace(/\.[jt]s$/, '');
const exitCode = await run(name, process.argv.slice(2), createTerminal(process.stdout, process.stderr, process.env));
// Not when everything is closed: a server may hold a connection open for a minute after it has refused a password.
process.stdout.write('', (error) => {
  if (error) return; // the listener above ends the process
  process.stderr.write('', () => {
    process.exit(exitCode);
  });
});
