/**
 * `make quickstart`: demonstrates the main use case on real components. An annotated pod gets MAC addresses, and they are
 * released with the pod. With KEEP=1 everything keeps running at the end, and the output suggests next steps.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { startTestEnv, type TestEnv } from '../test/env/env.ts';
import { install, type Installation } from '../test/env/installation.ts';
import { eventually } from '../test/env/run/eventually.ts';
import { untilInterrupted } from '../test/env/run/interruption.ts';
import { openRun, type Run } from '../test/env/run/run.ts';
import { exportLine, pathLine } from '../test/env/run/shell-lines.ts';
import { createReporter } from './reporter.ts';

const ROOT = path.join(import.meta.dirname, '..');
const EXAMPLE = path.join('deploy', 'examples', 'pod.yaml');

const started = Date.now();
const reporter = createReporter(process.stdout);
const log = (line: string): void => {
  reporter.note(line);
};
const interrupted = untilInterrupted();
const run = await openRun({ log });
let failed = false;
try {
  await Promise.race([demonstrate(run), interrupted]);
} catch (error) {
  failed = true;
  reporter.print(`\nThe quickstart failed: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await reporter.step('Stopping everything', () => run.close());
}
process.exit(failed ? 1 : 0);

async function demonstrate(run: Run): Promise<void> {
  reporter.print(
    'rock-mac quickstart: a real Kubernetes API server, a real Postgres, and a pod that gets MAC addresses.\n',
  );
  const testEnv = await reporter.step('Starting etcd, kube-apiserver, kube-controller-manager and Postgres', () =>
    startTestEnv({ run, log }),
  );
  const ledgerUrl = await testEnv.postgres.createDatabase('rock_mac');
  const installation = await reporter.step(
    'Installing rock-mac: CRDs, RBAC, ledger schema, operator and webhook',
    async () => {
      const installed = await install({ testEnv, ledgerUrl, programs: 'build' });
      await installed.ready();
      return installed;
    },
  );
  await tour(testEnv, ledgerUrl);
  if (process.env.KEEP === '1') await keepRunning(testEnv, ledgerUrl, installation);
}

/** Runs the commands of the tour. */
interface Shell {
  readonly kubectl: TestEnv['controlPlane']['kubectl'];
  /** Runs kubectl, and prints the command and its output. */
  readonly printKubectl: (...args: readonly string[]) => Promise<void>;
  /** Runs rock-mac, and prints the command and its output. */
  readonly printRockMac: (...args: readonly string[]) => Promise<void>;
}

async function tour({ controlPlane: { kubectl } }: TestEnv, ledgerUrl: string): Promise<void> {
  const env = { ...process.env, ROCK_MAC_LEDGER_URL: ledgerUrl };
  const rockMac = (args: readonly string[]) =>
    Promise.resolve(execFileSync(path.join(ROOT, 'build', 'rock-mac'), args, { encoding: 'utf8', env }));
  const shell: Shell = {
    kubectl,
    printKubectl: (...args) => reporter.command(`kubectl ${args.join(' ')}`, () => kubectl(args)),
    printRockMac: (...args) => reporter.command(`rock-mac ${args.join(' ')}`, () => rockMac(args)),
  };
  await requestAddresses(shell);
  await showOwners(shell);
  await showPools(shell);
  await releaseAddresses(shell);
  reporter.title('The ledger keeps an audit log of every change');
  await shell.printRockMac('audit');
  await shell.printRockMac('list', '--status', 'released');
  reporter.print(`Done in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
}

async function requestAddresses({ kubectl }: Shell): Promise<void> {
  reporter.title('A pod requests addresses with an annotation');
  await reporter.command(`kubectl apply -f ${EXAMPLE}`, () => kubectl(['apply', '-f', path.join(ROOT, EXAMPLE)]));
  reporter.print('The webhook assigned its addresses before the pod was stored, and lists them in an annotation:');
  const annotation = '{.metadata.annotations.mac\\.rock-os\\.io/addresses}{"\\n"}';
  await reporter.command(`kubectl get pod example -o jsonpath='${annotation}'`, () =>
    kubectl(['get', 'pod', 'example', '-o', `jsonpath=${annotation}`]),
  );
}

async function showOwners({ kubectl, printKubectl }: Shell): Promise<void> {
  reporter.title('A MacAllocation shows the owner of each address');
  await waitUntil('Waiting until the operator has created both MacAllocations', async () => {
    const ready = await kubectl(['get', 'macallocations', '-o', 'jsonpath={.items[*].spec.mac}']);
    if (ready.trim().split(/\s+/).length < 2) throw new Error('there are fewer than two MacAllocations');
  });
  await printKubectl('get', 'macallocations', '-A', '-o', 'wide');
}

async function showPools({ kubectl, printKubectl }: Shell): Promise<void> {
  reporter.title('The pools and their use');
  await waitUntil('Waiting until the operator has counted the pools again', async () => {
    const active = await kubectl(['get', 'macpool', 'kubernetes', '-o', 'jsonpath={.status.active}']);
    if (active !== '2') throw new Error(`the pool counts ${active} active addresses`);
  });
  await printKubectl('get', 'macpools');
}

async function releaseAddresses({ kubectl, printKubectl }: Shell): Promise<void> {
  reporter.title('Deleting the pod releases its addresses');
  await printKubectl('delete', 'pod', 'example');
  await waitUntil('Waiting until the operator has released them in the ledger', async () => {
    const left = await kubectl(['get', 'macallocations', '-A', '-o', 'name']);
    if (left.trim() !== '') throw new Error(`still there: ${left}`);
  });
  await printKubectl('get', 'macallocations', '-A');
}

/** Repeats a check until it succeeds, as a step of the output. */
async function waitUntil(name: string, check: () => Promise<void>): Promise<void> {
  await reporter.step(name, () => eventually(check, { within: 20_000, every: 100 }));
}

async function keepRunning(testEnv: TestEnv, ledgerUrl: string, { operators, webhooks }: Installation): Promise<void> {
  const { kubeconfig, binaries } = testEnv.controlPlane;
  reporter.title('Everything keeps running. In another terminal, try:');
  reporter.print(`    ${exportLine('KUBECONFIG', kubeconfig)}`);
  reporter.print(`    ${exportLine('ROCK_MAC_LEDGER_URL', ledgerUrl)}`);
  reporter.print(`    ${pathLine(`${path.join(ROOT, 'build')}:${binaries.folder}`)}`);
  reporter.print(`    kubectl apply -f ${EXAMPLE} && kubectl get macallocations -A`);
  reporter.print('    kubectl explain macallocation.spec');
  reporter.print('    rock-mac allocate --device my-vm && rock-mac list');
  reporter.print('    rock-mac stats');
  for (const { name, logFile } of [...operators, ...webhooks]) reporter.print(`    tail -f ${logFile}   # ${name}`);
  reporter.print('\nPress Ctrl-C to stop everything.');
  await interrupted;
}
