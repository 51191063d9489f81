import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createCa } from '../env/kubernetes/certificates.ts';
import { podReview, strangerAt } from './direct-review.ts';
import { aClaim, addressesOf, aPod, installedEnvOfThisFile, untilReason } from './installed-env.ts';

/*
 * A webhook that demands the client certificate of the API server, which has it as docs/webhook-callers.md says.
 */

const PAGE = path.join(import.meta.dirname, '..', '..', 'docs', 'webhook-callers.md');
const DOCUMENTED = '/etc/kubernetes/rock-mac';

const folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-callers-'));
followThePage();
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const installed = installedEnvOfThisFile({
  apiServerFlags: [`--admission-control-config-file=${path.join(folder, 'admission.yaml')}`],
  env: {
    ROCK_MAC_WEBHOOK_CLIENT_CA_FILE: path.join(folder, 'ca.crt'),
    ROCK_MAC_WEBHOOK_CLIENT_NAMES: 'kube-apiserver',
  },
});

/** Makes the certificates with the commands of the page, and writes its files. */
function followThePage(): void {
  const page = readFileSync(PAGE, 'utf8').replaceAll(DOCUMENTED, folder);
  const block = (start: string) => {
    const indented = new RegExp(`^( *)\`\`\`\\w+\\n( *${start}[^]*?)^\\1\`\`\`$`, 'm').exec(page);
    if (indented?.[2] === undefined) throw new Error(`the page has no block that starts with ${start}`);
    return indented[2].replaceAll(new RegExp(`^${indented[1] ?? ''}`, 'gm'), '');
  };
  execFileSync('bash', ['-euc', block('mkdir')], { stdio: 'pipe' });
  writeFileSync(path.join(folder, 'webhook.kubeconfig'), block('# webhook.kubeconfig'));
  writeFileSync(path.join(folder, 'admission.yaml'), block('# admission.yaml'));
}

function webhookPort(): number {
  return installed().installation.webhooks[0]?.port ?? 0;
}

test('the API server proves who it is, and its pods get addresses', async () => {
  const { plane } = installed();
  await plane.kubectl(['create', '-f', '-'], { input: aPod('served', { networks: 'n' }) });
  expect(await addressesOf(plane, 'served')).toHaveLength(1);
});

test('everybody else is refused before the review is read', async () => {
  const other = await (await createCa('strangers')).issue({ commonName: 'kube-apiserver' });
  for (const certificate of [undefined, other]) {
    const stranger = strangerAt(webhookPort(), certificate);
    for (const entry of ['/admit/workloads', '/admit/allocations', '/admit/releases', '/elsewhere']) {
      const answer = await stranger.review(entry, podReview('default', { name: 'q', macs: [undefined] }));
      expect(answer).toMatchObject({ status: 401, message: expect.stringMatching(/only the API server/) as string });
    }
  }
});

test('a refusal names the holder to a user who may read it, and to nobody else', async () => {
  const { plane } = installed();
  await plane.kubectl(['create', '-f', '-'], { input: aClaim('held', { pool: 'kubernetes' }) });
  const { status } = await untilReason(plane, 'held', 'Allocated');
  await plane.kubectl(['create', 'namespace', 'bob']);
  await plane.kubectl(['create', 'rolebinding', 'bob', '-n', 'bob', '--clusterrole=edit', '--user=bob']);
  const pod = aPod('asks', { networks: JSON.stringify([{ name: 'n', mac: status?.mac }]) });
  const asked = ['create', '-n', 'bob', '-f', '-'];
  await expect(plane.kubectl(asked, { input: pod })).rejects.toThrow('held by MacAllocation default/held');
  const bob = ['--kubeconfig', await plane.userKubeconfig('bob')];
  await expect(plane.kubectl([...bob, ...asked], { input: pod })).rejects.toThrow('held by another owner');
});

test('a refusal names the pod that uses a claim, which is in the namespace of the requester', async () => {
  const { plane } = installed();
  await plane.kubectl(['create', '-f', '-'], { input: aClaim('shared', { pool: 'kubernetes' }) });
  await untilReason(plane, 'shared', 'Allocated');
  const using = (name: string) => aPod(name, { networks: 'n', annotations: { 'mac.rock-os.io/allocation': 'shared' } });
  await plane.kubectl(['create', '-f', '-'], { input: using('old') });
  await expect(plane.kubectl(['create', '-f', '-'], { input: using('new') })).rejects.toThrow(
    /claim shared is in use by Pod old\..*strategy Recreate or maxSurge 0/s,
  );
});

test('a refusal names the pods that use the claims of a set', async () => {
  const { plane } = installed();
  for (const name of ['set-1', 'set-2']) {
    const claim = z
      .looseObject({ metadata: z.looseObject({}) })
      .parse(JSON.parse(aClaim(name, { pool: 'kubernetes' })));
    const labelled = { ...claim, metadata: { ...claim.metadata, labels: { app: 'set' } } };
    await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(labelled) });
    await untilReason(plane, name, 'Allocated');
  }
  const annotations = { 'mac.rock-os.io/allocation-selector': 'app=set' };
  const create = (name: string) =>
    plane.kubectl(['create', '-f', '-'], { input: aPod(name, { networks: 'n', annotations }) });
  await create('first');
  await create('second');
  await expect(create('third')).rejects.toThrow(/1 wanted, 2 there, 2 in use \(Pod first, Pod second\)/);
});
