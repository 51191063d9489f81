import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { startTestEnv, type TestEnv } from './env.ts';
import { optionsFromEnvironment } from './options.ts';
import { resolveBinaries } from './programs/binaries.ts';
import { helmMajors, resolveHelm } from './programs/helm.ts';
import { resolveNodePrograms } from './programs/node-programs.ts';
import { resolveCrane, resolveKrew } from './programs/release-programs.ts';
import { untilInterrupted } from './run/interruption.ts';
import { logToStderr, openRun } from './run/run.ts';
import { exportLine, pathLine, readyLine } from './run/shell-lines.ts';

const usage = `Usage: node test/env/main.ts COMMAND
  binaries   find, download or build the Kubernetes programs, and print their folder
  node       find or build the programs of a real node, and print the path of its kubelet
  helm       find or build both Helm versions, crane and krew, and print their paths
  up         start everything and stay in the foreground; print how to connect, then READY`;

/** The database that `up` creates for the ledger. */
const ledgerDatabase = 'rock_mac';

async function main(command: string | undefined): Promise<void> {
  switch (command) {
    case 'binaries':
      print((await resolveBinaries()).folder);
      return;
    case 'node':
      print((await resolveNodePrograms({ log: logToStderr })).kubelet);
      return;
    case 'helm':
      for (const major of helmMajors) print(await resolveHelm(major, logToStderr));
      for (const resolve of [resolveCrane, resolveKrew]) print(await resolve(logToStderr));
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
  const options = optionsFromEnvironment(process.env);
  const run = await openRun();
  const testEnv = await Promise.race([startTestEnv({ ...options, run }), interrupted]);
  if (testEnv === undefined) {
    await run.close();
    throw new Error('interrupted before everything was running; everything is stopped');
  }
  try {
    const ledgerUrl = await testEnv.postgres.createDatabase(ledgerDatabase);
    await listLogFiles(testEnv);
    print(exportLine('KUBECONFIG', testEnv.controlPlane.kubeconfig));
    print(exportLine('ROCK_MAC_LEDGER_URL', ledgerUrl));
    print(pathLine(testEnv.controlPlane.binaries.folder));
    print(readyLine);
    await interrupted;
    logToStderr('stopping everything');
  } finally {
    await testEnv.close();
  }
}

async function listLogFiles({ run }: TestEnv): Promise<void> {
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
