import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { listAddresses } from '../../ledger/address/find.ts';
import { eventually } from '../env/run/eventually.ts';
import {
  aClaim,
  addressesOf,
  aPod,
  installedEnvOfThisFile,
  untilNoAllocations,
  untilReason,
  whileLedgerIsAhead,
} from './installed-env.ts';
import { schemaOfNextProgram } from './ledger-fixture.ts';
import { annotatedPods } from './pod-kind.ts';

/* Where pods do not wait for the ledger: test/integration/scheduling-gates.test.ts tests what they do otherwise. */
const installed = installedEnvOfThisFile({ env: { ROCK_MAC_WHEN_LEDGER_AWAY: 'refuse' } });
let client: KubeClient;

beforeAll(() => {
  const { kubeconfig } = installed().plane;
  client = createKubeClient({ userAgent: 'test', kubeconfig, logger: pino({ enabled: false }) });
});

afterAll(() => client.close());

async function create(manifest: string): Promise<string> {
  return await installed().plane.kubectl(['create', '-f', '-', '-o', 'name'], { input: manifest });
}

/** Returns the message of a pod's refusal without the words of kubectl around it. */
async function refusalOf(manifest: string): Promise<string> {
  try {
    await create(manifest);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('the pod was not refused');
}

/** Counts the addresses that are held now. */
async function held(): Promise<readonly string[]> {
  const rows = await listAddresses(installed().ledger, {
    states: ['pending', 'active', 'reserved', 'orphaned'],
    limit: 10_000,
  });
  return rows.map(({ mac }) => mac);
}

afterEach(async () => {
  await installed().plane.kubectl(['delete', 'pods', '--all', '--grace-period=0', '--force']);
  await untilNoAllocations(installed().plane);
});

interface StatusCode {
  readonly status: number;
  readonly reason: string;
}

/** The response of the API server to a refused pod. */
async function tryToCreate(name: string, networks: string): Promise<unknown> {
  const manifest = JSON.parse(aPod(name, { networks })) as NewObject;
  return await client.create(annotatedPods, manifest, { namespace: 'default', attempts: 1 }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
}

/** Expects two lines, the cause and the next step, and no more held addresses than before. */
async function expectRefusal(networks: string, code: StatusCode, message: RegExp): Promise<void> {
  const before = await held();
  const error = await tryToCreate('bad', networks);
  // No reason or header may make a client skip the object or repeat the request by itself.
  expect(error).toMatchObject({ ...code, retryAfterSeconds: undefined });
  const text = String(error);
  expect(text).toMatch(/denied the request: /);
  expect(text).toMatch(message);
  expect(text.split('\n')).toHaveLength(2);
  expect(await held()).toEqual(before);
}

describe('bad input is refused with its cause and the next step, and nothing is held', () => {
  const INVALID = { status: 422, reason: 'Invalid' };
  const FORBIDDEN = { status: 403, reason: 'Forbidden' };

  test.each([
    ['networks that are not JSON', '[{"name":"blue"', INVALID, /is not valid JSON.*\nCorrect the annotation/],
    ['networks that are not a list', '{"name":"blue"}', INVALID, /is not a JSON list\.\nCorrect the annotation/],
    ['a network without a name', '[{"interface":"eth5"}]', INVALID, /has a bad entry at \[0\.name\].*\nCorrect/],
    ['a malformed MAC', '[{"name":"blue","mac":"a4:58"}]', INVALID, /is not a MAC address\.\n.*leave it out/],
    ['a multicast MAC', '[{"name":"blue","mac":"01:00:5e:00:00:01"}]', INVALID, /a multicast address.*\nCorrect it/],
    ['the broadcast MAC', '[{"name":"blue","mac":"FF-FF-FF-FF-FF-FF"}]', INVALID, /the broadcast address\.\nCorrect/],
    ['the zero MAC', '[{"name":"blue","mac":"00:00:00:00:00:00"}]', INVALID, /all zero\.\nCorrect it/],
    [
      'two MACs for one network, of which plugins believe either',
      '[{"name":"blue","mac":"a4:58:0f:05:66:00","cni-args":{"mac":"a4:58:0f:05:66:01"}}]',
      INVALID,
      /two addresses, in mac and in cni-args\.\nCorrect/,
    ],
    [
      'one MAC twice, in two notations',
      '[{"name":"a","mac":"a4:58:0f:05:66:00"},{"name":"b","mac":"A4-58-0F-05-66-00"}]',
      INVALID,
      /on two interfaces of this object\.\nLeave it out of one/,
    ],
    [
      'one interface name twice',
      '[{"name":"a","interface":"eth5"},{"name":"b","interface":"eth5"}]',
      INVALID,
      /have the interface name eth5\.\nGive each its own/,
    ],
    [
      'a MAC that is in no pool',
      '[{"name":"blue","mac":"a4:58:0f:77:00:00"}]',
      INVALID,
      /not in pool kubernetes, nor in any other\.\nRequest an address/,
    ],
    [
      'a MAC of a pool that the namespace may not use',
      '[{"name":"blue","mac":"a4:58:0f:00:00:01"}]',
      FORBIDDEN,
      /in pool production, but namespace default uses pool kubernetes\.\nRequest an address/,
    ],
  ])('%s', async (_, networks, code, message) => {
    await expectRefusal(networks, code, message);
  });

  test('a MAC that another pod holds', async () => {
    const networks = '[{"name":"blue","mac":"a4:58:0f:05:99:99"}]';
    await create(aPod('holder', { networks }));
    await expectRefusal(networks, { status: 409, reason: 'Conflict' }, /held by another owner\.\nLeave it out/);
  });

  test('more networks than one pod may have', async () => {
    const before = await held();
    const networks = JSON.stringify(Array.from({ length: 65 }, (_, index) => ({ name: `n${String(index)}` })));
    expect(await refusalOf(aPod('greedy', { networks }))).toMatch(/65 interfaces.*64 is the limit/s);
    expect(await held()).toEqual(before);
  });

  test('but a user name of 1,000 characters is accepted', async () => {
    const { plane } = installed();
    await plane.kubectl(['create', '--as', 'u'.repeat(1_000), '--as-group', 'system:masters', '-f', '-'], {
      input: aPod('long', { networks: '[{"name":"blue"}]' }),
    });
    expect(await addressesOf(plane, 'long')).toHaveLength(1);
  });

  test('a valid network beside a bad one releases its address', async () => {
    const before = await held();
    const networks = '[{"name":"good"},{"name":"bad","mac":"a4:58:0f:77:00:00"}]';
    expect(await refusalOf(aPod('half', { networks }))).toMatch(/is not in pool kubernetes/);
    // Long before the end of its lease would release it.
    await eventually(async () => {
      expect(await held()).toEqual(before);
    });
  });
});

describe('while the ledger does not respond', () => {
  test.each(['is cut off', 'hangs'])(
    'because it %s, a pod that asks is refused in time, a plain one is not disturbed, and both work again afterwards',
    async (how) => {
      const { plane, ledgerProxy, installation } = installed();
      if (how === 'hangs') ledgerProxy.freeze();
      else await ledgerProxy.cut();
      try {
        // The status of the webhook: after 5 s the API server would have refused with its own status, 500.
        const error = await tryToCreate('late', '[{"name":"blue"}]');
        expect(error).toMatchObject({
          status: 503,
          reason: 'ServiceUnavailable',
          message: expect.stringMatching(/denied the request: .*ledger.*\nTry again/i) as string,
        });
        expect(String(error).split('\n')).toHaveLength(2);
        // Its host and its own messages are only in the log.
        expect(String(error)).not.toMatch(/127\.0\.0\.1|Postgres/);
        expect(await readFile(installation.webhooks[0]?.logFile ?? '', 'utf8')).toMatch(/"code":"LEDGER_/);
        const plain = JSON.parse(aPod('plain')) as { metadata: { annotations?: object } };
        delete plain.metadata.annotations;
        await create(JSON.stringify(plain));
      } finally {
        await ledgerProxy.heal();
      }
      await eventually(() => create(aPod('late', { networks: '[{"name":"blue"}]' })), { within: 20_000, every: 300 });
      expect(await addressesOf(plane, 'late')).toHaveLength(1);
    },
  );
});

describe('while the webhook is down', () => {
  test('a pod that opts in is refused with a message that names the webhook, and a plain pod is not affected', async () => {
    const { installation } = installed();
    const [webhook] = installation.webhooks;
    await webhook?.kill();
    expect(await refusalOf(aPod('late', { networks: '[{"name":"blue"}]' }))).toMatch(
      /failed calling webhook "inject-objects\.mac\.rock-os\.io"/,
    );
    const plain = JSON.parse(aPod('plain')) as { metadata: { annotations?: object } };
    delete plain.metadata.annotations;
    await create(JSON.stringify(plain));
    await installation.startWebhook();
    await create(aPod('late', { networks: '[{"name":"blue"}]' }));
  });
});

describe('an address that was allocated for a pod that was never stored', () => {
  test('is released when its lease ends, and not before', async () => {
    const { plane, ledger } = installed();
    // Admission allocates an address. Then the quota, which is checked later, refuses the pod.
    await plane.kubectl(['create', 'quota', 'none', '--hard=pods=0']);
    try {
      expect(await refusalOf(aPod('over', { networks: '[{"name":"blue"}]' }))).toMatch(/quota/);
    } finally {
      await plane.kubectl(['delete', 'quota', 'none']);
    }
    const [pending] = await listAddresses(ledger, { states: ['pending'] });
    expect(pending?.owner?.name).toBe('over');
    await whileLedgerIsAhead(ledger, '3 minutes', async () => {
      await eventually(
        async () => {
          expect(await listAddresses(ledger, { states: ['pending'] })).toEqual([]);
        },
        { within: 40_000, every: 500 },
      );
    });
  });
});

describe('a ledger that another version of rock-mac has migrated', () => {
  /** Returns the readiness of both processes and the LedgerOpen reason of a pool. */
  async function reported(): Promise<readonly (number | string)[]> {
    const { installation, plane } = installed();
    // Only the running ones: an earlier test has ended the first.
    const running = [installation.operators.at(-1), installation.webhooks.at(-1)];
    const probes = running.map((program) => fetch(`http://127.0.0.1:${String(program?.healthPort)}/readyz`));
    const condition = '{.status.conditions[?(@.type=="LedgerOpen")].reason}';
    const reason = plane.kubectl(['get', 'macpool', 'kubernetes', '-o', `jsonpath=${condition}`]);
    return [...(await Promise.all(probes)).map(({ status }) => status), await reason];
  }

  async function untilReported(wanted: readonly (number | string)[]): Promise<void> {
    await eventually(
      async () => {
        expect(await reported()).toEqual(wanted);
      },
      { within: 30_000 },
    );
  }

  test('gets no requests, every process reports the version, and all continue when it fits again', async () => {
    const { plane, ledger } = installed();
    const putBack = await schemaOfNextProgram((text, values) => ledger.connections.query(text, values));
    try {
      await untilReported([503, 503, 'SchemaMismatch']);
      await create(aClaim('too-late', { pool: 'development' }));
      const refused = await untilReason(plane, 'too-late', 'LedgerUnavailable');
      expect(JSON.stringify(refused.status)).toMatch(/needs a program of schema .* Upgrade this program/);
      expect(await refusalOf(aPod('refused'))).toMatch(/LEDGER_SCHEMA_TOO_NEW/);
    } finally {
      await putBack();
    }
    await untilReported([200, 200, 'Open']);
    await create(aPod('served'));
    await untilReason(plane, 'too-late', 'Allocated');
    await plane.kubectl(['delete', 'macallocation', 'too-late', '--wait=false']);
  });
});
