/**
 * `make quickstart`: shows the product's main job on real parts, step by step: an annotated pod gets its MAC addresses,
 * and gives them back. KEEP=1 leaves everything up at the end and says what to try next.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { eventually } from '../test/env/run/eventually.ts';
import { startTestEnv, type TestEnv } from '../test/env/env.ts';
import { install, type Installation } from '../test/env/installation.ts';
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
  await Promise.race([show(run), interrupted]);
} catch (error) {
  failed = true;
  reporter.say(`\nThe quickstart failed: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await reporter.step('Taking everything down', () => run.close());
}
process.exit(failed ? 1 : 0);

async function show(run: Run): Promise<void> {
  reporter.say(
    'rock-mac quickstart: a real Kubernetes API server, a real Postgres, and a pod that gets its MAC addresses.\n',
  );
  const testEnv = await reporter.step('Raising etcd, kube-apiserver, kube-controller-manager and Postgres', () =>
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
  if (process.env.KEEP === '1') await keep(testEnv, ledgerUrl, installation);
}

/** How the tour runs commands: as the person could type them, with what they print. */
interface Shell {
  readonly kubectl: TestEnv['controlPlane']['kubectl'];
  readonly show: (...args: readonly string[]) => Promise<void>;
  readonly rockMac: (...args: readonly string[]) => Promise<void>;
}

async function tour({ controlPlane: { kubectl } }: TestEnv, ledgerUrl: string): Promise<void> {
  const env = { ...process.env, ROCK_MAC_LEDGER_URL: ledgerUrl };
  const rockMac = (args: readonly string[]) =>
    Promise.resolve(execFileSync(path.join(ROOT, 'build', 'rock-mac'), args, { encoding: 'utf8', env }));
  const shell: Shell = {
    kubectl,
    show: (...args) => reporter.command(`kubectl ${args.join(' ')}`, () => kubectl(args)),
    rockMac: (...args) => reporter.command(`rock-mac ${args.join(' ')}`, () => rockMac(args)),
  };
  await askForAddresses(shell);
  await showOwners(shell);
  await showPools(shell);
  await giveBack(shell);
  reporter.title('The ledger remembers: who, what and when');
  await shell.rockMac('audit');
  await shell.rockMac('list', '--status', 'released');
  reporter.say(`Done in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
}

async function askForAddresses({ kubectl }: Shell): Promise<void> {
  reporter.title('A pod asks for addresses by an annotation');
  await reporter.command(`kubectl apply -f ${EXAMPLE}`, () => kubectl(['apply', '-f', path.join(ROOT, EXAMPLE)]));
  const annotation = 'jsonpath={.metadata.annotations.mac\\.rock-os\\.io/addresses}';
  const addresses = await kubectl(['get', 'pod', 'example', '-o', annotation]);
  reporter.say('Its addresses were there before the pod was stored:');
  for (const { network, mac } of JSON.parse(addresses) as { network: string; mac: string }[]) {
    reporter.say(`    ${mac}  on network ${network}`);
  }
}

async function showOwners({ kubectl, show }: Shell): Promise<void> {
  reporter.title('Every address has a MacAllocation that shows whose it is');
  await waitUntil('Waiting until the operator has seen the pod', async () => {
    const ready = await kubectl(['get', 'macallocations', '-o', 'jsonpath={.items[*].status.mac}']);
    if (ready.trim().split(/\s+/).length < 2) throw new Error('not both are shown');
  });
  await show('get', 'macallocations', '-A', '-o', 'wide');
}

async function showPools({ kubectl, show }: Shell): Promise<void> {
  reporter.title('The pools, and how much of each is in use');
  await waitUntil('Waiting for the next count', async () => {
    const active = await kubectl(['get', 'macpool', 'kubernetes', '-o', 'jsonpath={.status.active}']);
    if (active !== '2') throw new Error(`the pool counts ${active} active addresses`);
  });
  await show('get', 'macpools');
}

async function giveBack({ kubectl, show }: Shell): Promise<void> {
  reporter.title('Deleting the pod gives the addresses back');
  await show('delete', 'pod', 'example');
  await waitUntil('Waiting until the finalizers have released them in the ledger', async () => {
    const left = await kubectl(['get', 'macallocations', '-A', '-o', 'name']);
    if (left.trim() !== '') throw new Error(`still there: ${left}`);
  });
  await show('get', 'macallocations', '-A');
}

/** Looks again and again until it throws nothing. */
async function waitUntil(name: string, look: () => Promise<void>): Promise<void> {
  await reporter.step(name, () => eventually(look, { within: 20_000, every: 100 }));
}

async function keep(testEnv: TestEnv, ledgerUrl: string, { operators, webhooks }: Installation): Promise<void> {
  const { kubeconfig, binaries } = testEnv.controlPlane;
  reporter.title('Everything stays up. In another terminal, try:');
  reporter.say(`    ${exportLine('KUBECONFIG', kubeconfig)}`);
  reporter.say(`    ${exportLine('ROCK_MAC_LEDGER_URL', ledgerUrl)}`);
  reporter.say(`    ${pathLine(`${path.join(ROOT, 'build')}:${binaries.folder}`)}`);
  reporter.say(`    kubectl apply -f ${EXAMPLE} && kubectl get macallocations -A`);
  reporter.say('    kubectl explain macallocation.spec');
  reporter.say('    rock-mac allocate --device my-vm && rock-mac list');
  reporter.say('    rock-mac stats');
  for (const { name, logFile } of [...operators, ...webhooks]) reporter.say(`    tail -f ${logFile}   # ${name}`);
  reporter.say('\nCtrl-C takes everything down.');
  await interrupted;
}
