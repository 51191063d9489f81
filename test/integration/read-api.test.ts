import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ledgerAddress, ledgerAuditEntry } from '../../api/ledger-view.ts';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { deviceKey } from '../../ledger/address/holder-key.ts';
import { createCa, loadCa, type KeyPair } from '../env/kubernetes/certificates.ts';
import { eventually } from '../env/run/eventually.ts';
import { kubectlFor, type Kubectl } from '../env/kubernetes/kubectl.ts';
import { aClaim, installedEnvOfThisFile, untilReason } from './installed-env.ts';

const GROUP = 'ledger.mac.rock-os.io';
const BASE = `/apis/${GROUP}/v1alpha1`;
const DEVICES = 700;

const installed = installedEnvOfThisFile({ operators: 2 });

/** kubectl as a user who may read the whole ledger and nothing else, and as one who may nothing. */
let auditor: Kubectl;
let stranger: Kubectl;

beforeAll(async () => {
  const { plane, ledger } = installed();
  const allocator = createAllocator({ db: ledger, leaseSeconds: 120 });
  const allocate = (index: number) =>
    allocator.allocate(
      {
        key: deviceKey(randomUUID()),
        pool: 'docker',
        state: 'active',
        device: { id: `box-${String(index).padStart(4, '0')}`, type: 'container' },
        requester: 'test',
        actor: 'test',
        reason: 'to be listed',
      },
      { deadlineMs: 30_000 },
    );
  await Promise.all(Array.from({ length: DEVICES }, (_, index) => allocate(index)));
  await allocator.close();
  await plane.kubectl(['create', 'clusterrolebinding', 'ada', '--clusterrole=rock-mac-auditor', '--user=ada']);
  auditor = kubectlFor(plane.binaries.kubectl, await plane.userKubeconfig('ada'));
  stranger = kubectlFor(plane.binaries.kubectl, await plane.userKubeconfig('eve'));
  await eventually(() => auditor(['get', `pools.${GROUP}`]), { within: 60_000 });
}, 60_000);

const list = z.object({
  metadata: z.object({ continue: z.string().optional() }),
  items: z.array(z.object({ metadata: z.object({ name: z.string() }) })),
});

async function raw(kubectl: Kubectl, query: string): Promise<z.infer<typeof list>> {
  return list.parse(JSON.parse(await kubectl(['get', '--raw', `${BASE}/${query}`])));
}

function namesIn(output: string): readonly string[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^.*?\//, ''));
}

describe('an auditor with kubectl', () => {
  test('sees the addresses of devices as a table, with the holder and the state', async () => {
    const table = await auditor(['get', `addresses.${GROUP}`, '--field-selector', 'device.id=box-0000']);
    expect(table).toMatch(/^NAME +POOL +STATE +HOLDER +AGE\n/);
    expect(table).toMatch(/a4:58:0f:04:[\d:a-f]+ +docker +active +box-0000 +\d+s/);
  });

  test('sees claims of the cluster beside the devices, and who asked', async () => {
    const { plane } = installed();
    await plane.kubectl(['create', '-f', '-'], { input: aClaim('seen', { pool: 'production' }) });
    const { status } = await untilReason(plane, 'seen', 'Allocated');
    const address = ledgerAddress.parse(
      JSON.parse(await auditor(['get', `addresses.${GROUP}`, status?.mac?.toUpperCase() ?? '', '-o', 'json'])),
    );
    expect(address).toMatchObject({
      metadata: { name: status?.mac },
      state: 'active',
      owner: { kind: 'MacAllocation', namespace: 'default', name: 'seen' },
    });
    expect(address).not.toHaveProperty('key');
    await plane.kubectl(['delete', 'macallocation', 'seen']);
  });

  test('pages through all rows, each once, in the order of addresses', async () => {
    const names = namesIn(
      await auditor([
        ...['get', `addresses.${GROUP}`, '-o', 'name'],
        ...['--chunk-size=97', '--field-selector', 'pool=docker,state=active'],
      ]),
    );
    expect(names).toHaveLength(DEVICES);
    expect(names).toEqual([...new Set(names)].sort());
    const page = await raw(auditor, 'addresses?limit=97&fieldSelector=pool%3Ddocker');
    expect(page.items).toHaveLength(97);
    expect(page.metadata.continue).toBeTypeOf('string');
  });

  test('reads the audit, newest first, of one address or of all', async () => {
    const [name = ''] = namesIn(
      await auditor(['get', `addresses.${GROUP}`, '-o', 'name', '--field-selector', 'device.id=box-0003']),
    );
    const table = await auditor(['get', `auditentries.${GROUP}`, '--field-selector', `mac=${name}`]);
    expect(table).toMatch(/^NAME +TIME +ACTION +MAC +WHO +OWNER\n\d+ +\S+Z +allocate +\S+ +test +box-0003\n$/);
    const { items } = await raw(auditor, 'auditentries?limit=50');
    const ids = items.map(({ metadata }) => Number(metadata.name));
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    const entry = await auditor(['get', `auditentries.${GROUP}`, String(ids[0]), '-o', 'json']);
    expect(ledgerAuditEntry.parse(JSON.parse(entry)).metadata.name).toBe(String(ids[0]));
  });

  test('pages through the audit without a gap', async () => {
    const names = namesIn(
      await auditor([
        'get',
        `auditentries.${GROUP}`,
        '-o',
        'name',
        '--chunk-size=90',
        '--field-selector',
        'pool=docker',
      ]),
    );
    expect(names).toHaveLength(DEVICES);
    expect(new Set(names).size).toBe(DEVICES);
  });

  test('pages through addresses in the order of their allocation, and follows the audit', async () => {
    const { items, metadata } = await raw(auditor, 'addresses?limit=400&order=newest&fieldSelector=pool%3Ddocker');
    const rest = await raw(
      auditor,
      `addresses?limit=400&order=newest&fieldSelector=pool%3Ddocker&continue=${metadata.continue ?? ''}`,
    );
    expect(rest.metadata.continue).toBeUndefined();
    expect(new Set([...items, ...rest.items].map((item) => item.metadata.name)).size).toBe(DEVICES);
    const [newest] = (await raw(auditor, 'auditentries?limit=1')).items;
    const id = Number(newest?.metadata.name);
    const behind = await raw(auditor, `auditentries?fieldSelector=afterId%3D${String(id - 3)}`);
    expect(behind.items.map((item) => Number(item.metadata.name))).toEqual([id - 2, id - 1, id]);
  });

  test('sees the pools with their counts', async () => {
    const table = await auditor(['get', `pools.${GROUP}`, 'docker']);
    expect(table).toMatch(/^NAME +FIRST +LAST +ACTIVE +RESERVED +FREE +USED\n/);
    expect(table).toMatch(new RegExp(`docker +a4:58:0f:04:00:00 +a4:58:0f:04:ff:ff +${String(DEVICES)} +0 `));
  });

  test('has it explained', async () => {
    await eventually(
      async () => {
        const explained = await auditor(['explain', `addresses.${GROUP}.owner`]);
        expect(explained).toContain('The object of a cluster that holds the address');
      },
      // The API server reads the descriptions of aggregated APIs about once a minute.
      { within: 90_000, every: 1_000 },
    );
  }, 100_000);

  test('reads wide tables, JSON, and columns of their own making', async () => {
    const wide = await auditor(['get', `addresses.${GROUP}`, '-o', 'wide', '--field-selector', 'device.id=box-0001']);
    expect(wide).toContain('REQUESTER');
    const custom = ['-o', 'custom-columns=M:.metadata.name,D:.device.id', '--no-headers'];
    expect(await auditor(['get', `addresses.${GROUP}`, ...custom, '--field-selector', 'device.id=box-0002'])).toMatch(
      /^a4:58:0f:04:\S+ +box-0002\n$/,
    );
  });

  test.each([
    ['an unknown field', 'addresses?fieldSelector=colour%3Dred', /"colour" cannot be selected by: use one of/],
    ['no selector at all', 'addresses?fieldSelector=pool', /is no term of a field selector/],
    ['a state that does not exist', 'addresses?fieldSelector=state%3Dlost', /"lost" is no state/],
    ['a MAC that is none', 'auditentries?fieldSelector=mac%3Dxyz', /"xyz" is no MAC address/],
    ['a label selector', 'addresses?labelSelector=a%3Db', /there are no labels here/],
    ['a limit that is no number', 'pools?limit=many', /limit must be a whole number/],
    ['a made-up continue token', 'addresses?continue=abc', /continue token/],
    ['a continue token of another list', `addresses?continue=${token('junk')}`, /is not a page mark/],
    ['a text that no address can be', 'addresses/nonsense', /addresses\.ledger\.mac\.rock-os\.io "nonsense" not found/],
    ['an address that was never handed out', 'addresses/a4:58:0f:00:aa:aa', /not found/],
    ['a number that the audit has not reached', 'auditentries/99999999', /not found/],
  ])('is told what is wrong with %s', async (_, query, message) => {
    await expect(auditor(['get', '--raw', `${BASE}/${query}`])).rejects.toThrow(message);
  });

  test('can neither watch nor write, whatever the rights', async () => {
    const { plane } = installed();
    const watch = plane.kubectl(['get', '--raw', `${BASE}/addresses?watch=true`]);
    await expect(watch).rejects.toThrow(/nothing here can be watched/);
    const other = plane.kubectl(['get', '--raw', `${BASE}/devices`]);
    await expect(other).rejects.toThrow(/could not find the requested resource/);
    await expect(plane.kubectl(['delete', `pools.${GROUP}`, 'docker'])).rejects.toThrow(/for reading only/);
  });
});

function token(after: string): string {
  return Buffer.from(JSON.stringify({ v: 1, after })).toString('base64url');
}

describe('somebody without the right', () => {
  test.each(['addresses', 'auditentries', 'pools'])('may not list %s', async (plural) => {
    await expect(stranger(['get', `${plural}.${GROUP}`])).rejects.toThrow(
      new RegExp(`${plural}.*is forbidden: User "eve" cannot list resource`),
    );
  });

  test('is let in when the right is given, and no more when it is taken away', async () => {
    const { plane } = installed();
    await plane.kubectl(['create', 'clusterrolebinding', 'eve', '--clusterrole=rock-mac-auditor', '--user=eve']);
    await eventually(() => stranger(['get', `pools.${GROUP}`]), { within: 30_000 });
    await plane.kubectl(['delete', 'clusterrolebinding', 'eve']);
    await eventually(() => expect(stranger(['get', `pools.${GROUP}`])).rejects.toThrow(/forbidden/), {
      within: 30_000,
    });
  });
});

describe('past the API server', () => {
  interface Answer {
    readonly status: number;
    readonly body: string;
  }

  /** Straight to the Service, as somebody in the cluster's network could. */
  async function ask(headers: Record<string, string>, client?: KeyPair): Promise<Answer> {
    const { plane } = installed();
    const host = await plane.kubectl([
      ...['get', 'service', 'rock-mac-read-api', '-n', 'rock-mac-system'],
      ...['-o', 'jsonpath={.spec.clusterIP}'],
    ]);
    return await new Promise((resolve, reject) => {
      const asking = request(
        {
          ...{
            host,
            port: 10_250,
            path: `${BASE}/addresses?limit=1`,
            headers,
            agent: false,
            rejectUnauthorized: false,
          },
          ...(client !== undefined && { cert: client.certificate, key: client.key }),
        },
        (answer) => {
          let body = '';
          answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
          answer.on('end', () => {
            resolve({ status: answer.statusCode ?? 0, body });
          });
        },
      );
      asking.on('error', reject);
      asking.end();
    });
  }

  const forged = { 'X-Remote-User': 'ada', 'X-Remote-Group': 'system:masters' };

  test('a forged X-Remote-User without a certificate gets no answer', async () => {
    const { status, body } = await ask(forged);
    expect(status).toBe(401);
    expect(body).toContain('only the API server may ask here');
    expect(body).not.toContain('a4:58:0f');
  });

  test("neither does one with a user's certificate, an administrator's, or one of an unknown authority", async () => {
    const { plane } = installed();
    const stranger = await createCa('somebody else');
    const client = await loadCa(plane.access.authority);
    for (const certificate of [
      plane.access.admin,
      await client.issue({ commonName: 'front-proxy-client' }),
      await stranger.issue({ commonName: 'front-proxy-client' }),
    ]) {
      expect((await ask(forged, certificate)).status).toBe(401);
    }
  });

  test('the front proxy itself must say who asks, and that one must have the right', async () => {
    const folder = path.join(installed().plane.access.folder, 'certificates');
    const [certificate, key] = await Promise.all(
      ['front-proxy.crt', 'front-proxy.key'].map((name) => readFile(path.join(folder, name), 'utf8')),
    );
    const proxy = { certificate: certificate ?? '', key: key ?? '' };
    expect((await ask({}, proxy)).status).toBe(401);
    expect((await ask({ 'X-Remote-User': 'eve' }, proxy)).status).toBe(403);
    expect((await ask({ 'X-Remote-User': 'ada' }, proxy)).status).toBe(200);
  });

  test('an authority that the cluster begins to trust is trusted here too, by the names that it allows', async () => {
    const { plane } = installed();
    const next = await createCa('the next front proxy');
    const proxy = await next.issue({ commonName: 'front-proxy-client' });
    const other = await next.issue({ commonName: 'another-client' });
    expect((await ask({ 'X-Remote-User': 'ada' }, proxy)).status).toBe(401);
    const path = ['configmap', 'extension-apiserver-authentication', '-n', 'kube-system'];
    const published = await plane.kubectl([
      ...['get', ...path],
      ...['-o', 'jsonpath={.data.requestheader-client-ca-file}'],
    ]);
    const data = { 'requestheader-client-ca-file': `${published.trim()}\n${next.certificate}` };
    await plane.kubectl(['patch', ...path, '--type=merge', '-p', JSON.stringify({ data })]);
    await eventually(
      async () => {
        expect((await ask({ 'X-Remote-User': 'ada' }, proxy)).status).toBe(200);
      },
      { within: 30_000 },
    );
    expect((await ask({ 'X-Remote-User': 'ada' }, other)).status).toBe(401);
  });
});

describe('when parts of it are away', () => {
  test('without the ledger it says so in time, and the cluster still discovers what there is', async () => {
    const { ledgerProxy } = installed();
    await ledgerProxy.cut();
    try {
      const asked = Date.now();
      await expect(auditor(['get', `addresses.${GROUP}`])).rejects.toThrow(/the ledger cannot be asked \(LEDGER_/);
      expect(Date.now() - asked).toBeLessThan(20_000);
      expect(await auditor(['api-resources', `--api-group=${GROUP}`, '-o', 'name'])).toContain(`addresses.${GROUP}`);
    } finally {
      await ledgerProxy.heal();
    }
    await eventually(() => auditor(['get', `pools.${GROUP}`]), { within: 30_000 });
  });

  test('without an answer of the ledger it gives up in time', async () => {
    const { ledgerProxy } = installed();
    ledgerProxy.freeze();
    try {
      const asked = Date.now();
      await expect(auditor(['get', `addresses.${GROUP}`])).rejects.toThrow(/the ledger cannot be asked \(LEDGER_/);
      expect(Date.now() - asked).toBeLessThan(20_000);
    } finally {
      await ledgerProxy.heal();
    }
    await eventually(() => auditor(['get', `pools.${GROUP}`]), { within: 30_000 });
  });

  test('with one of two operators killed the other answers', async () => {
    const { installation } = installed();
    await installation.operators[0]?.kill();
    await eventually(() => auditor(['get', `pools.${GROUP}`]), { within: 30_000 });
  });
});
