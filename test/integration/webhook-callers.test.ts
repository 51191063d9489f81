import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { NAMESPACE_LIMIT } from '../../webhook/limits/review-limits.ts';
import { deletionReview, podReview, type ReviewResult, type Stranger, strangerAt } from './direct-review.ts';
import { aClaim, aPod, auditOf, installedEnvOfThisFile, untilReason } from './installed-env.ts';

/*
 * A stranger who reaches the port of the webhook once learned who holds an address, took 400 addresses a second for
 * namespaces that did not exist, put any name into the audit, and kept claims from their owners.
 */

const WORKLOADS = '/admit/workloads';
const RELEASES = '/admit/releases';
const TOO_MANY = /^Too many addresses were requested for namespace \S+ within a few seconds/;

const installed = installedEnvOfThisFile();
let stranger: Stranger;
beforeAll(async () => {
  const [webhook] = installed().installation.webhooks;
  stranger = strangerAt(webhook?.port ?? 0);
  for (const name of ['alice', 'bob', 'crowd']) await installed().plane.kubectl(['create', 'namespace', name]);
});

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

/** Creates a claim in the default namespace, and returns its uid and address. */
async function readyClaim(name: string): Promise<{ name: string; uid: string; mac: string }> {
  await kubectl(['create', '-f', '-'], aClaim(name, { pool: 'kubernetes' }));
  const { status } = await untilReason(installed().plane, name, 'Allocated');
  const uid = await kubectl(['get', 'macallocation', name, '-o', 'jsonpath={.metadata.uid}']);
  return { name, uid, mac: status?.mac ?? '' };
}

async function count(sql: string): Promise<number> {
  const row = z.object({ n: z.number() });
  const [found] = await installed().ledger.query({ text: sql, values: [], row });
  return found?.n ?? 0;
}

const releaseRequests = () => count('select count(*) as n from rock_mac.release_requests');
const addressesOf = (namespace: string) =>
  count(`select count(*) as n from rock_mac.addresses where owner_namespace = '${namespace}'`);

test('a ReplicaSet of 500 pods with three interfaces each is within the limits of its namespace', async () => {
  await kubectl(['create', 'namespace', 'shop']);
  const pod = JSON.parse(aPod('unused', { networks: 'n,n,n' })) as { metadata: { annotations: object }; spec: object };
  const labels = { app: 'shop' };
  const template = { metadata: { labels, annotations: pod.metadata.annotations }, spec: pod.spec };
  const replicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'shop' },
    spec: { replicas: 500, selector: { matchLabels: labels }, template },
  };
  await kubectl(['create', '-n', 'shop', '-f', '-'], JSON.stringify(replicaSet));
  await kubectl(['wait', '-n', 'shop', 'rs/shop', '--for=jsonpath={.status.replicas}=500', '--timeout=100s']);
  const failed = ['get', 'events', '-n', 'shop', '--field-selector=reason=FailedCreate'];
  // Without its ServiceAccount, which the namespace gets later, a pod is refused too. The limits must not refuse any.
  expect(await kubectl([...failed, '-o', 'jsonpath={.items[*].message}'])).not.toContain('Too many addresses');
}, 120_000);

describe('a stranger who asks who holds an address', () => {
  test('gets no name, not even as an administrator', async () => {
    const { mac } = await readyClaim('held');
    const answer = await stranger.review(WORKLOADS, podReview('bob', { name: 'q', macs: [mac] }));
    expect(answer).toMatchObject({ allowed: false });
    expect(answer.message).toMatch(/ is held by another owner\./);
  });

  test('learns no more than a real administrator, because nothing distinguishes the two', async () => {
    const { mac } = await readyClaim('hidden');
    const pod = aPod('asks', { networks: JSON.stringify([{ name: 'n', mac }]) });
    await expect(kubectl(['create', '-n', 'bob', '-f', '-'], pod)).rejects.toThrow(/ is held by another owner\./);
  });
});

describe('a stranger who takes addresses', () => {
  test('gets none for namespaces that do not exist', async () => {
    const reviews = Array.from({ length: 300 }, (_, index) =>
      stranger.review(WORKLOADS, podReview(`nosuch${String(index)}`, { name: 'x', macs: [undefined] })),
    );
    const answers = await Promise.all(reviews);
    expect(answers.filter(({ allowed }) => allowed)).toEqual([]);
    // Each of the first is looked up; the others are not.
    expect(answers.filter(({ message }) => message.includes('does not exist')).length).toBeGreaterThan(0);
    expect(answers.filter(({ message }) => TOO_MANY.test(message)).length).toBeGreaterThan(0);
    expect(await count(`select count(*) as n from rock_mac.addresses where owner_namespace like 'nosuch%'`)).toBe(0);
  });

  test('does not keep others from a namespace that was just created', async () => {
    await kubectl(['create', 'namespace', 'fresh']);
    await kubectl(['create', '-n', 'fresh', '-f', '-'], aPod('first', { networks: 'n' }));
  });

  test('gets no more of a namespace than its limit', async () => {
    const macs = Array.from({ length: 64 }, () => undefined);
    const reviews = Array.from({ length: 80 }, (_, index) =>
      stranger.review(WORKLOADS, podReview('crowd', { name: `x${String(index)}`, macs })),
    );
    const answers = await Promise.all(reviews);
    expect(answers.filter(({ message }) => TOO_MANY.test(message)).length).toBeGreaterThan(0);
    expect(await addressesOf('crowd')).toBeLessThanOrEqual(NAMESPACE_LIMIT.capacity);
    await kubectl(['create', '-n', 'bob', '-f', '-'], aPod('unharmed', { networks: 'n' }));
  });
});

describe('a stranger who says who deletes a claim', () => {
  test('stores nothing for a claim that does not exist, or that has another uid', async () => {
    const { name } = await readyClaim('kept');
    const made = ['00000000-0000-0000-0000-000000000000', 'x', '../..'];
    for (const uid of made) {
      for (const claim of [name, 'nosuch', '../x']) {
        const review = deletionReview('default', { uid, name: claim }, 'the-ceo');
        expect(await stranger.review(RELEASES, review)).toMatchObject({ allowed: true });
      }
    }
    const { uid } = await readyClaim('elsewhere');
    await stranger.review(RELEASES, deletionReview('alice', { uid, name: 'elsewhere' }, 'the-ceo'));
    expect(await releaseRequests()).toBe(0);
  });

  test('stores nothing once the deletion has begun', async () => {
    const { uid, name } = await readyClaim('going');
    const hold = '{"metadata":{"finalizers":["mac.rock-os.io/release","example.com/hold"]}}';
    await kubectl(['patch', 'macallocation', name, '--type=merge', '-p', hold]);
    await kubectl(['delete', 'macallocation', name, '--wait=false']);
    await stranger.review(RELEASES, deletionReview('default', { uid, name }, 'the-ceo'));
    const users = await installed().ledger.query({
      text: 'select username from rock_mac.release_requests',
      values: [],
      row: z.object({ username: z.string() }),
    });
    expect(users.map(({ username }) => username)).not.toContain('the-ceo');
    await kubectl(['patch', 'macallocation', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
  });

  test('does not get a name into the audit: the real deletion comes later', async () => {
    const { uid, name, mac } = await readyClaim('deleted');
    await stranger.review(RELEASES, deletionReview('default', { uid, name }, 'the-ceo'));
    await kubectl(['delete', 'macallocation', name]);
    const entries = await auditOf(installed().ledger, mac);
    expect(entries.at(-1)?.reason).toMatch(/, requested by env-admin$/);
  });
});

describe('a stranger who uses claims', () => {
  const using = (claims: string) => ({ 'mac.rock-os.io/allocation': claims });

  test('keeps one from its owner for two minutes, and does not get it twice', async () => {
    await readyClaim('wanted');
    const annotations = using('wanted');
    const evil = ['evil-1', 'evil-2'].map((name) => podReview('default', { name, macs: [undefined], annotations }));
    const [first, second] = evil;
    expect(await stranger.review(WORKLOADS, first ?? {})).toMatchObject({ allowed: true });
    expect(await stranger.review(WORKLOADS, second ?? {})).toMatchObject({
      allowed: false,
      message: expect.stringMatching(/^The address of claim wanted is in use by another object\./) as string,
    });
  });

  test('is limited to 500 uses and five a second in a namespace', async () => {
    const interfaces = Array.from({ length: 64 }, (_, index) => `default/n#${String(index)}`);
    const claims = JSON.stringify(Object.fromEntries(interfaces.map((name, index) => [name, `no-${String(index)}`])));
    const review = (pod: number) =>
      podReview('default', {
        name: `evil-of-64-${String(pod)}`,
        macs: interfaces.map(() => undefined),
        annotations: using(claims),
      });
    const answers: ReviewResult[] = [];
    for (let pod = 0; pod < 12; pod++) answers.push(await stranger.review(WORKLOADS, review(pod)));
    expect(answers[0]?.message).toMatch(/^MacAllocation "no-0" is not in namespace default/);
    expect(answers.at(-1)?.message).toMatch(TOO_MANY);
  });
});
