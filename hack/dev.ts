/**
 * `make dev`: runs the test environment with rock-mac in the foreground. It prints shell lines for `eval` to stdout, then READY.
 * Everything else goes to stderr and to the log files that it names. Other tools can attach to it this way. With NODE=1 it has a
 * real node, so pods run.
 */
import path from 'node:path';
import { startTestEnv } from '../test/env/env.ts';
import { install } from '../test/env/installation.ts';
import { whyNoNodes } from '../test/env/node/why-no-nodes.ts';
import { optionsFromEnvironment, type UserOptions } from '../test/env/options.ts';
import { untilInterrupted } from '../test/env/run/interruption.ts';
import { logToStderr, openRun } from '../test/env/run/run.ts';
import { exportLine, pathLine, readyLine } from '../test/env/run/shell-lines.ts';
import { createReporter } from './reporter.ts';

const interrupted = untilInterrupted();
const reporter = createReporter(process.stderr);
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
  const testEnv = await reporter.step('Starting etcd, kube-apiserver, kube-controller-manager and Postgres', async () =>
    startTestEnv({ ...(await wantedOptions()), run }),
  );
  const ledgerUrl = await testEnv.postgres.createDatabase('rock_mac');
  const installation = await reporter.step('Installing rock-mac: CRDs, RBAC, ledger schema, operator and webhook', () =>
    install({ testEnv, ledgerUrl, programs: 'build', webhooks: 2 }),
  );
  await reporter.step('Waiting until the operator and both webhooks are ready', () => installation.ready());
  await testEnv.nodes?.first.untilReady();
  const { kubeconfig, binaries } = testEnv.controlPlane;
  process.stdout.write(`${exportLine('KUBECONFIG', kubeconfig)}\n`);
  process.stdout.write(`${exportLine('ROCK_MAC_LEDGER_URL', ledgerUrl)}\n`);
  process.stdout.write(`${pathLine(`${path.join(import.meta.dirname, '..', 'build')}:${binaries.folder}`)}\n`);
  return installation;
}

/** Throws the reason if this machine cannot run the nodes that the user wants. */
async function wantedOptions(): Promise<UserOptions> {
  const options = optionsFromEnvironment(process.env);
  const missing = options.nodes > 0 ? await whyNoNodes() : undefined;
  if (missing !== undefined) throw new Error(`NODE=${options.nodes}: ${missing}`);
  return options;
}

function throwInterrupted(): never {
  throw new Error('interrupted before everything was running; everything is stopped');
}
