import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { resolveBinaries } from './programs/binaries.ts';
import { groundOptionsFromEnvironment } from './options.ts';
import { startGround, type Ground } from './env.ts';
import { helmMajors, resolveHelm } from './programs/helm.ts';
import { logToStderr, openRun } from './run/run.ts';
import { untilInterrupted } from './run/interruption.ts';
import { exportLine, pathLine, readyLine } from './run/shell-lines.ts';

const usage = `Usage: node test/env/main.ts COMMAND
  binaries   find or get the Kubernetes programs, and print their folder
  helm       find or build both Helm versions, and print their paths
  up         raise everything and stay in the foreground; print how to connect, then READY`;

/** The database that `up` makes for the ledger. */
const ledgerDatabase = 'rock_mac';

async function main(command: string | undefined): Promise<void> {
  switch (command) {
    case 'binaries':
      print((await resolveBinaries()).folder);
      return;
    case 'helm':
      for (const major of helmMajors) print(await resolveHelm(major, logToStderr));
      return;
    case 'up':
      await up();
      return;
    default:
      throw new Error(usage);
  }
}

async function up(): Promise<void> {
  const interrupted = untilInterrupted();
  const options = groundOptionsFromEnvironment(process.env);
  const run = await openRun();
  const ground = await Promise.race([startGround({ ...options, run }), interrupted]);
  if (ground === undefined) {
    await run.close();
    throw new Error('interrupted before everything was up; all is taken down again');
  }
  try {
    const ledgerUrl = await ground.postgres.createDatabase(ledgerDatabase);
    await nameLogFiles(ground);
    print(exportLine('KUBECONFIG', ground.controlPlane.kubeconfig));
    print(exportLine('ROCK_MAC_LEDGER_URL', ledgerUrl));
    print(pathLine(ground.controlPlane.binaries.folder));
    print(readyLine);
    await interrupted;
    logToStderr('taking everything down');
  } finally {
    await ground.close();
  }
}

async function nameLogFiles({ run }: Ground): Promise<void> {
  const folder = path.join(run.folder, 'logs');
  for (const name of await readdir(folder)) logToStderr(`log: ${path.join(folder, name)}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await main(process.argv[2]);
  process.exit(0);
} catch (error) {
  logToStderr(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
