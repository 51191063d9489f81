/**
 * `make quickstart`: shows the product's main job on real parts, step by step: an annotated pod gets its MAC addresses,
 * and gives them back. KEEP=1 leaves everything up at the end and says what to try next.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { eventually } from '../test/env/run/eventually.ts';
import { startGround, type Ground } from '../test/env/env.ts';
import { install, type Installation } from '../test/env/installation.ts';
import { untilInterrupted } from '../test/env/run/interruption.ts';
import { openRun, type Run } from '../test/env/run/run.ts';
import { exportLine, pathLine } from '../test/env/run/shell-lines.ts';
import { createNarrator } from './reporter.ts';

const ROOT = path.join(import.meta.dirname, '..');
const EXAMPLE = path.join('deploy', 'examples', 'pod.yaml');

const started = Date.now();
const narrator = createNarrator(process.stdout);
const log = (line: string): void => {
  narrator.note(line);
};
const interrupted = untilInterrupted();
const run = await openRun({ log });
let failed = false;
try {
  await Promise.race([show(run), interrupted]);
} catch (error) {
  failed = true;
  narrator.say(`\nThe quickstart failed: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  await narrator.step('Taking everything down', () => run.close());
}
process.exit(failed ? 1 : 0);

async function show(run: Run): Promise<void> {
  narrator.say(
    'rock-mac quickstart: a real Kubernetes API server, a real Postgres, and a pod that gets its MAC addresses.\n',
  );
  const ground = await narrator.step('Raising etcd, kube-apiserver, kube-controller-manager and Postgres', () =>
    startGround({ run, log }),
  );
  const ledgerUrl = await ground.postgres.createDatabase('rock_mac');
  const installation = await narrator.step(
    'Installing rock-mac: CRDs, RBAC, ledger schema, operator and webhook',
    async () => {
      const installed = await install({ ground, ledgerUrl, programs: 'build' });
      await installed.ready();
      return installed;
    },
  );
  await tour(ground, ledgerUrl);
  if (process.env.KEEP === '1') await keep(ground, ledgerUrl, installation);
}

/** How the tour runs commands: as the person could type them, with what they print. */
interface Shell {
  readonly kubectl: Ground['controlPlane']['kubectl'];
  readonly show: (...args: readonly string[]) => Promise<void>;
  readonly rockMac: (...args: readonly string[]) => Promise<void>;
}

async function tour({ controlPlane: { kubectl } }: Ground, ledgerUrl: string): Promise<void> {
  const env = { ...process.env, ROCK_MAC_LEDGER_URL: ledgerUrl };
  const rockMac = (args: readonly string[]) =>
    Promise.resolve(execFileSync(path.join(ROOT, 'build', 'rock-mac'), args, { encoding: 'utf8', env }));
  const shell: Shell = {
    kubectl,
    show: (...args) => narrator.command(`kubectl ${args.join(' ')}`, () => kubectl(args)),
    rockMac: (...args) => narrator.command(`rock-mac ${args.join(' ')}`, () => rockMac(args)),
  };
  await askForAddresses(shell);
  await showOwners(shell);
  await showPools(shell);
  await giveBack(shell);
  narrator.title('The ledger remembers: who, what and when');
  await shell.rockMac('audit');
  await shell.rockMac('list', '--status', 'released');
  narrator.say(`Done in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
}

async function askForAddresses({ kubectl }: Shell): Promise<void> {
  narrator.title('A pod asks for addresses by an annotation');
  await narrator.command(`kubectl apply -f ${EXAMPLE}`, () => kubectl(['apply', '-f', path.join(ROOT, EXAMPLE)]));
  const annotation = 'jsonpath={.metadata.annotations.mac\\.rock-os\\.io/addresses}';
  const addresses = await kubectl(['get', 'pod', 'example', '-o', annotation]);
  narrator.say('Its addresses were there before the pod was stored:');
  for (const { network, mac } of JSON.parse(addresses) as { network: string; mac: string }[]) {
    narrator.say(`    ${mac}  on network ${network}`);
  }
}

async function showOwners({ kubectl, show }: Shell): Promise<void> {
  narrator.title('Every address has a MacAllocation that shows whose it is');
  await waitUntil('Waiting until the operator has seen the pod', async () => {
    const ready = await kubectl(['get', 'macallocations', '-o', 'jsonpath={.items[*].status.mac}']);
    if (ready.trim().split(/\s+/).length < 2) throw new Error('not both are shown');
  });
  await show('get', 'macallocations', '-A', '-o', 'wide');
}

async function showPools({ kubectl, show }: Shell): Promise<void> {
  narrator.title('The pools, and how much of each is in use');
  await waitUntil('Waiting for the next count', async () => {
    const active = await kubectl(['get', 'macpool', 'kubernetes', '-o', 'jsonpath={.status.active}']);
    if (active !== '2') throw new Error(`the pool counts ${active} active addresses`);
  });
  await show('get', 'macpools');
}

async function giveBack({ kubectl, show }: Shell): Promise<void> {
  narrator.title('Deleting the pod gives the addresses back');
  await show('delete', 'pod', 'example');
  await waitUntil('Waiting until the finalizers have released them in the ledger', async () => {
    const left = await kubectl(['get', 'macallocations', '-A', '-o', 'name']);
    if (left.trim() !== '') throw new Error(`still there: ${left}`);
  });
  await show('get', 'macallocations', '-A');
}

/** Looks again and again until it throws nothing. */
async function waitUntil(name: string, look: () => Promise<void>): Promise<void> {
  await narrator.step(name, () => eventually(look, { within: 20_000, every: 100 }));
}

async function keep(ground: Ground, ledgerUrl: string, { operators, webhooks }: Installation): Promise<void> {
  const { kubeconfig, binaries } = ground.controlPlane;
  narrator.title('Everything stays up. In another terminal, try:');
  narrator.say(`    ${exportLine('KUBECONFIG', kubeconfig)}`);
  narrator.say(`    ${exportLine('ROCK_MAC_LEDGER_URL', ledgerUrl)}`);
  narrator.say(`    ${pathLine(`${path.join(ROOT, 'build')}:${binaries.folder}`)}`);
  narrator.say(`    kubectl apply -f ${EXAMPLE} && kubectl get macallocations -A`);
  narrator.say('    kubectl explain macallocation.spec');
  narrator.say('    rock-mac allocate --device my-vm && rock-mac list');
  narrator.say('    rock-mac stats');
  for (const { name, logFile } of [...operators, ...webhooks]) narrator.say(`    tail -f ${logFile}   # ${name}`);
  narrator.say('\nCtrl-C takes everything down.');
  await interrupted;
}
