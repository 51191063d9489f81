/**
 * `make dev`: runs the test environment with rock-mac in the foreground. It prints shell lines for `eval` to stdout, then READY.
 * Everything else goes to stderr and to the log files that it names. Other tools can attach to it this way.
 */
import path from 'node:path';
import { optionsFromEnvironment } from '../test/env/options.ts';
import { startTestEnv } from '../test/env/env.ts';
import { install } from '../test/env/installation.ts';
import { untilInterrupted } from '../test/env/run/interruption.ts';
import { logToStderr, openRun } from '../test/env/run/run.ts';
import { exportLine, pathLine, readyLine } from '../test/env/run/shell-lines.ts';

const interrupted = untilInterrupted();
const run = await openRun();
try {
  const { operators, webhooks } = await Promise.race([start(), interrupted.then(throwInterrupted)]);
  for (const { name, logFile } of [...operators, ...webhooks]) logToStderr(`log of ${name}: ${logFile}`);
  process.stdout.write(`${readyLine}\n`);
  await interrupted;
  logToStderr('stopping everything');
} catch (error) {
  logToStderr(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await run.close();
}
process.exit();

async function start() {
  const testEnv = await startTestEnv({ ...optionsFromEnvironment(process.env), run });
  const ledgerUrl = await testEnv.postgres.createDatabase('rock_mac');
  const installation = await install({ testEnv, ledgerUrl, programs: 'build', webhooks: 2 });
  await installation.ready();
  const { kubeconfig, binaries } = testEnv.controlPlane;
  process.stdout.write(`${exportLine('KUBECONFIG', kubeconfig)}\n`);
  process.stdout.write(`${exportLine('ROCK_MAC_LEDGER_URL', ledgerUrl)}\n`);
  process.stdout.write(`${pathLine(`${path.join(import.meta.dirname, '..', 'build')}:${binaries.folder}`)}\n`);
  return installation;
}

function throwInterrupted(): never {
  throw new Error('interrupted before everything was running; everything is stopped');
}
