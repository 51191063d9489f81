import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { KubeError } from '../../kube/client/errors.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { listAddresses } from '../../ledger/address/find.ts';
import { eventually } from '../env/run/eventually.ts';
import { aPod, installedEnvOfThisFile } from '../integration/installed-env.ts';
import { type AnnotatedPod, annotatedPods } from '../integration/pod-kind.ts';

/** The API server's timeout is 5 s. The ledger has 3 s of them, and the refusal half a second more. */
const REFUSED_WITHIN_SECONDS = 3.6;
const AT_ONCE_SECONDS = 1;

/* Where pods do not wait for the ledger: test/integration/scheduling-gates.test.ts tests what they do otherwise. */
const installed = installedEnvOfThisFile({ env: { ROCK_MAC_WHEN_LEDGER_AWAY: 'refuse' } });
let client: KubeClient;
let made = 0;

beforeAll(async () => {
  const { plane } = installed();
  client = createKubeClient({
    userAgent: 'test',
    kubeconfig: plane.kubeconfig,
    logger: pino({ enabled: false }),
    // More connections than concurrent requests, so that the times are those of the webhook.
    maxConnections: 256,
  });
  await plane.kubectl(['create', '-f', '-'], {
    input: JSON.stringify({
      apiVersion: 'mac.rock-os.io/v1alpha1',
      kind: 'MacPool',
      metadata: { name: 'tiny' },
      spec: { first: 'a4:58:0f:20:00:00', last: 'a4:58:0f:20:00:01', reuseDelay: '1h' },
    }),
  });
  await plane.kubectl(['create', 'namespace', 'small']);
  await plane.kubectl(['annotate', 'namespace', 'small', 'mac.rock-os.io/pool=tiny']);
  await eventually(() => create('small'), { within: 20_000, every: 200 });
});

afterAll(() => client.close());

async function create(namespace: string, networks = 'blue'): Promise<AnnotatedPod> {
  const manifest = JSON.parse(aPod(`p-${String(made++)}`, { networks })) as NewObject;
  return await client.create(annotatedPods, manifest, { namespace, attempts: 1 });
}

async function refusal(namespace = 'default', networks = 'blue'): Promise<KubeError> {
  const error: unknown = await create(namespace, networks).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KubeError)) throw new Error(`not refused: ${String(error)}`);
  // The status of the webhook: after a timeout of 5 s the API server would set its own status, 500.
  expect(error.status, error.message).toBe(503);
  expect(error.message).toMatch(/denied the request: /);
  return error;
}

/** One refusal, and its seconds by the metric of the webhook: the clock of a busy client would count its own waits too. */
async function timedRefusal(...args: Parameters<typeof refusal>) {
  const [webhook] = installed().installation.webhooks;
  const spent = async () => (await webhook?.metric('rockmac_admission_review_duration_seconds_sum')) ?? Number.NaN;
  const before = await spent();
  const { message } = await refusal(...args);
  return { message, seconds: (await spent()) - before };
}

async function setState(assignments: string): Promise<void> {
  await installed().ledger.connections.query(`update rock_mac.ledger_state set ${assignments}`);
}

test('a slow ledger makes a create slow, and with one that is too slow it is refused in time', async () => {
  const { ledgerProxy } = installed();
  await create('default');
  ledgerProxy.delay(400);
  try {
    expect((await create('default')).metadata.annotations?.['mac.rock-os.io/addresses']).toMatch(/a4:58:0f/);
    ledgerProxy.delay(2_500);
    const { message, seconds } = await timedRefusal();
    expect(message).toMatch(/The request to the ledger failed \(LEDGER_.*\nTry again/s);
    expect(seconds).toBeLessThan(REFUSED_WITHIN_SECONDS);
  } finally {
    await ledgerProxy.heal();
  }
  await eventually(() => create('default'), { within: 20_000, every: 300 });
});

test.each([
  ['recovers', `mode = 'recovering', needs_approval = true`, /recovering/],
  ['is paused', `mode = 'paused', needs_approval = true`, /paused/],
])(
  'with a ledger that %s every create is refused at once, and served again when it is open',
  async (_, assignments, why) => {
    await setState(assignments);
    try {
      const { message, seconds } = await timedRefusal();
      expect(message).toMatch(why);
      expect(seconds).toBeLessThan(AT_ONCE_SECONDS);
    } finally {
      await setState(`mode = 'open', needs_approval = false`);
    }
    await eventually(() => create('default'), { within: 20_000, every: 300 });
  },
);

test('a full pool refuses with the time of the next free address, and holds nothing for the other networks', async () => {
  const { ledger } = installed();
  await create('small');
  const held = async () => await listAddresses(ledger, { pool: 'tiny', states: ['pending', 'active'] });
  expect(await held()).toHaveLength(2);
  const { message, seconds } = await timedRefusal('small', 'blue,red');
  expect(seconds).toBeLessThan(AT_ONCE_SECONDS);
  expect(message).toMatch(/Pool tiny has no free address/);
  expect(await held()).toHaveLength(2);
});

test('creates that keep failing after admission reach a cap, which affects no other namespace', async () => {
  const { plane } = installed();
  await plane.kubectl(['create', 'namespace', 'wild']);
  await plane.kubectl(['create', 'quota', 'none', '-n', 'wild', '--hard=pods=0']);
  // A namespace without pending addresses: on a busy machine the operator may not have bound earlier ones yet.
  await plane.kubectl(['create', 'namespace', 'tame']);
  await eventually(() => plane.kubectl(['get', 'serviceaccount', 'default', '-n', 'tame']), { within: 20_000 });
  await setState('pending_cap = 3');
  try {
    await eventually(
      async () => {
        await expect(create('wild')).rejects.toThrow(/too many addresses for objects that were never stored/);
      },
      { within: 20_000, every: 50 },
    );
    await create('tame');
  } finally {
    await setState('pending_cap = 2048');
  }
});

test('two hundred creates at once without a reachable ledger are all refused by the webhook in time', async () => {
  const { ledgerProxy } = installed();
  // The connections of this process, which is also the Service that the webhook is called through: to open two hundred of
  // them would take the time that is measured here.
  await Promise.all(Array.from({ length: 200 }, () => client.raw('GET', '/version')));
  await ledgerProxy.cut();
  try {
    const refusals = await Promise.all(Array.from({ length: 200 }, () => refusal()));
    for (const { message } of refusals) expect(message).toMatch(/ledger/);
  } finally {
    await ledgerProxy.heal();
  }
  await eventually(() => create('default'), { within: 20_000, every: 300 });
});
