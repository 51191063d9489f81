/**
 * `make quickstart`: shows the product's main job on real parts, step by step: an annotated pod gets its MAC addresses,
 * and gives them back. KEEP=1 leaves everything up at the end and says what to try next.
 */
import path from 'node:path';
import { eventually } from '../test/ground/eventually.ts';
import { startGround, type Ground } from '../test/ground/ground.ts';
import { install, type Installation } from '../test/ground/installation.ts';
import { untilInterrupted } from '../test/ground/interruption.ts';
import { openRun, type Run } from '../test/ground/run.ts';
import { execFileSync } from 'node:child_process';
import { createNarrator } from './narrator.ts';

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

async function tour({ controlPlane: { kubectl } }: Ground, ledgerUrl: string): Promise<void> {
  const show = (args: readonly string[]) => narrator.command(`kubectl ${args.join(' ')}`, () => kubectl(args));
  const rockMac = (...args: string[]) =>
    narrator.command(`rock-mac ${args.join(' ')}`, () =>
      Promise.resolve(
        execFileSync(path.join(ROOT, 'build', 'rock-mac'), args, {
          encoding: 'utf8',
          env: { ...process.env, ROCK_MAC_LEDGER_URL: ledgerUrl },
        }),
      ),
    );

  narrator.title('A pod asks for addresses by an annotation');
  await narrator.command(`kubectl apply -f ${EXAMPLE}`, () => kubectl(['apply', '-f', path.join(ROOT, EXAMPLE)]));
  const addresses = await kubectl([
    'get',
    'pod',
    'example',
    '-o',
    'jsonpath={.metadata.annotations.mac\\.rock-os\\.io/addresses}',
  ]);
  narrator.say('Its addresses were there before the pod was stored:');
  for (const { network, mac } of JSON.parse(addresses) as { network: string; mac: string }[]) {
    narrator.say(`    ${mac}  on network ${network}`);
  }

  narrator.title('Every address has a MacAllocation that shows whose it is');
  await narrator.step('Waiting until the operator has seen the pod', () =>
    eventually(
      async () => {
        const ready = await kubectl(['get', 'macallocations', '-o', 'jsonpath={.items[*].status.mac}']);
        if (ready.trim().split(/\s+/).length < 2) throw new Error('not both are shown');
      },
      { within: 20_000, every: 100 },
    ),
  );
  await show(['get', 'macallocations', '-A', '-o', 'wide']);

  narrator.title('The pools, and how much of each is in use');
  await narrator.step('Waiting for the next count', () =>
    eventually(
      async () => {
        const active = await kubectl(['get', 'macpool', 'kubernetes', '-o', 'jsonpath={.status.active}']);
        if (active !== '2') throw new Error(`the pool counts ${active} active addresses`);
      },
      { within: 20_000, every: 200 },
    ),
  );
  await show(['get', 'macpools']);

  narrator.title('Deleting the pod gives the addresses back');
  await show(['delete', 'pod', 'example']);
  await narrator.step('Waiting until the finalizers have released them in the ledger', () =>
    eventually(
      async () => {
        const left = await kubectl(['get', 'macallocations', '-A', '-o', 'name']);
        if (left.trim() !== '') throw new Error(`still there: ${left}`);
      },
      { within: 20_000, every: 100 },
    ),
  );
  await show(['get', 'macallocations', '-A']);

  narrator.title('The ledger remembers: who, what and when');
  await rockMac('audit');
  await rockMac('list', '--status', 'released');
  narrator.say(`Done in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
}

async function keep(ground: Ground, ledgerUrl: string, { operators, webhooks }: Installation): Promise<void> {
  const { kubeconfig, binaries } = ground.controlPlane;
  narrator.title('Everything stays up. In another terminal, try:');
  narrator.say(`    export KUBECONFIG='${kubeconfig}'`);
  narrator.say(`    export ROCK_MAC_LEDGER_URL='${ledgerUrl}'`);
  narrator.say(`    export PATH='${path.join(ROOT, 'build')}:${binaries.folder}':"$PATH"`);
  narrator.say(`    kubectl apply -f ${EXAMPLE} && kubectl get macallocations -A`);
  narrator.say('    kubectl explain macallocation.spec');
  narrator.say('    rock-mac allocate --device my-vm && rock-mac list');
  narrator.say('    rock-mac stats');
  for (const { name, logFile } of [...operators, ...webhooks]) narrator.say(`    tail -f ${logFile}   # ${name}`);
  narrator.say('\nCtrl-C takes everything down.');
  await interrupted;
}
