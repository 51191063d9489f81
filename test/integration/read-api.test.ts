import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  addressObject,
  auditEntryObject,
  LEDGER_KINDS,
  ledgerObject,
  poolHourObject,
  stateMapObject,
} from '../../api/ledger-view.ts';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { deviceKey } from '../../ledger/address/holder-key.ts';
import { createCa, type KeyPair, loadCa } from '../env/kubernetes/certificates.ts';
import { type Kubectl, kubectlFor } from '../env/kubernetes/kubectl.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, installedEnvOfThisFile, untilReason } from './installed-env.ts';

const GROUP = 'ledger.mac.rock-os.io';
const BASE = `/apis/${GROUP}/v1alpha1`;
const DEVICES = 700;

const installed = installedEnvOfThisFile({ operators: 2 });

/** kubectl as a user who may only read the ledger, and as one without permissions. */
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
        reason: 'test',
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
  metadata: z.object({ continue: z.string().optional(), resourceVersion: z.string().optional() }),
  items: z.array(z.looseObject({ metadata: z.object({ name: z.string() }) })),
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
  test('sees addresses of devices in a table with holder and state', async () => {
    const table = await auditor(['get', `addresses.${GROUP}`, '--field-selector', 'device.id=box-0000']);
    expect(table).toMatch(/^NAME +POOL +STATE +HOLDER +AGE\n/);
    expect(table).toMatch(/a4:58:0f:04:[\d:a-f]+ +docker +active +box-0000 +\d+s/);
  });

  test('sees claims of the cluster with their owners', async () => {
    const { plane } = installed();
    await plane.kubectl(['create', '-f', '-'], { input: aClaim('seen', { pool: 'production' }) });
    const { status } = await untilReason(plane, 'seen', 'Allocated');
    const address = addressObject.parse(
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

  test('pages through all addresses once and in order', async () => {
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

  test('reads the audit of one address or of all, newest first', async () => {
    const [name = ''] = namesIn(
      await auditor(['get', `addresses.${GROUP}`, '-o', 'name', '--field-selector', 'device.id=box-0003']),
    );
    const table = await auditor(['get', `auditentries.${GROUP}`, '--field-selector', `mac=${name}`]);
    expect(table).toMatch(/^NAME +TIME +ACTION +MAC +WHO +OWNER\n\d+ +\S+Z +allocate +\S+ +test +box-0003\n$/);
    const { items } = await raw(auditor, 'auditentries?limit=50');
    const ids = items.map(({ metadata }) => Number(metadata.name));
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    const entry = await auditor(['get', `auditentries.${GROUP}`, String(ids[0]), '-o', 'json']);
    expect(auditEntryObject.parse(JSON.parse(entry)).metadata.name).toBe(String(ids[0]));
  });

  test('selects addresses by attributes, by the type of the device and by age', async () => {
    const { plane } = installed();
    const spec = { pool: 'production', device: { type: 'switch' }, attributes: { rack: 'a7', note: 'x=1,y' } };
    await plane.kubectl(['create', '-f', '-'], { input: aClaim('leaf', spec) });
    await untilReason(plane, 'leaf', 'Allocated');
    const namesOf = async (selector: string) => {
      const { items } = await raw(auditor, `addresses?fieldSelector=${encodeURIComponent(selector)}`);
      return items.map(({ owner }) => z.object({ name: z.string() }).parse(owner).name);
    };
    for (const selector of [
      'attribute=rack=a7',
      'attribute=rack',
      String.raw`attribute=rack=a7,attribute=note\=x\=1\,y`,
    ]) {
      expect(await namesOf(selector), selector).toEqual(['leaf']);
    }
    expect(await namesOf('attribute=rack=a8')).toEqual([]);
    expect(await namesOf('device.type=switch')).toEqual(['leaf']);
    expect(await namesOf('device.type=switch,allocatedBefore=2026-01-01T00:00:00Z')).toEqual([]);
    await plane.kubectl(['delete', 'macallocation', 'leaf']);
  });

  test('pages through the audit without gaps', async () => {
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

  test('pages through addresses by allocation time, and reads later audit entries', async () => {
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

  test('sees pools with their counts', async () => {
    const table = await auditor(['get', `pools.${GROUP}`, 'docker']);
    expect(table).toMatch(/^NAME +FIRST +LAST +ACTIVE +RESERVED +FREE +USED\n/);
    expect(table).toMatch(new RegExp(`docker +a4:58:0f:04:00:00 +a4:58:0f:04:ff:ff +${String(DEVICES)} +0 `));
  });

  test('gets descriptions from kubectl explain', async () => {
    await eventually(
      async () => {
        const explained = await auditor(['explain', `addresses.${GROUP}.owner`]);
        expect(explained).toContain('The object of a cluster that holds the address');
      },
      // The API server reads the OpenAPI documents of aggregated APIs about once a minute.
      { within: 90_000, every: 1_000 },
    );
  }, 100_000);

  test('reads wide tables and custom columns', async () => {
    const wide = await auditor(['get', `addresses.${GROUP}`, '-o', 'wide', '--field-selector', 'device.id=box-0001']);
    expect(wide).toContain('REQUESTER');
    const custom = ['-o', 'custom-columns=M:.metadata.name,D:.device.id', '--no-headers'];
    expect(await auditor(['get', `addresses.${GROUP}`, ...custom, '--field-selector', 'device.id=box-0002'])).toMatch(
      /^a4:58:0f:04:\S+ +box-0002\n$/,
    );
  });

  test.each([
    [
      'an unknown field',
      'addresses?fieldSelector=colour%3Dred',
      /"colour" cannot be used in a field selector: use one of/,
    ],
    ['a malformed selector', 'addresses?fieldSelector=pool', /is not a term of a field selector/],
    ['a state that does not exist', 'addresses?fieldSelector=state%3Dlost', /"lost" is not a state/],
    ['an invalid MAC', 'auditentries?fieldSelector=mac%3Dxyz', /"xyz" is not a MAC address/],
    ['a label selector', 'addresses?labelSelector=a%3Db', /there are no labels here/],
    ['an invalid limit', 'pools?limit=many', /limit must be a whole number/],
    ['an invalid continue token', 'addresses?continue=abc', /continue token/],
    ['a continue token of another list', `addresses?continue=${token('junk')}`, /is not a page mark/],
    ['a name that is not an address', 'addresses/nonsense', /addresses\.ledger\.mac\.rock-os\.io "nonsense" not found/],
    ['an address that was never allocated', 'addresses/a4:58:0f:00:aa:aa', /not found/],
    ['an unknown audit entry', 'auditentries/99999999', /not found/],
  ])('gets an error message for %s', async (_, query, message) => {
    await expect(auditor(['get', '--raw', `${BASE}/${query}`])).rejects.toThrow(message);
  });

  test('can neither watch nor write, even as an administrator', async () => {
    const { plane } = installed();
    const watch = plane.kubectl(['get', '--raw', `${BASE}/addresses?watch=true`]);
    await expect(watch).rejects.toThrow(/this API cannot be watched/);
    const other = plane.kubectl(['get', '--raw', `${BASE}/devices`]);
    await expect(other).rejects.toThrow(/could not find the requested resource/);
    await expect(plane.kubectl(['delete', `pools.${GROUP}`, 'docker'])).rejects.toThrow(/this API is read-only/);
  });
});

describe('what a console shows', () => {
  const read = async (path: string): Promise<unknown> =>
    JSON.parse(await auditor(['get', '--raw', `${BASE}/${path}`])) as unknown;

  test('an auditor finds addresses by a part of the MAC and by the beginning of a device', async () => {
    const found = (text: string, limit = 5_000) =>
      auditor([
        ...['get', `addresses.${GROUP}`, '-o', 'name', `--chunk-size=${String(limit)}`],
        ...['--field-selector', `search=${text}`],
      ]);
    expect(namesIn(await found('box-000'))).toHaveLength(10);
    expect(namesIn(await found('04:00:1'))).toHaveLength(16);
    expect(namesIn(await found('box', 7))).toHaveLength(7);
    await expect(auditor(['get', `addresses.${GROUP}`, '--field-selector', 'search=box,pool=docker'])).rejects.toThrow(
      /search cannot be used with other fields/,
    );
  });

  test('a map has one byte for each address, and a list has the maps of all pools', async () => {
    const map = stateMapObject.parse(await read('statemaps/a4-58-0f-04-00-00?count=1000'));
    const states = Buffer.from(map.states, 'base64');
    expect(map).toMatchObject({ metadata: { name: 'a4:58:0f:04:00:00' }, count: 1_000 });
    expect(states.filter((state) => state === 4)).toHaveLength(DEVICES);
    const names = namesIn(await auditor(['get', `statemaps.${GROUP}`, '-o', 'name']));
    expect(names).toHaveLength(7);
    expect(names).toEqual([...new Set(names)].sort());
    expect(await auditor(['get', `statemaps.${GROUP}`, '--field-selector', 'pool=docker'])).toMatch(
      /^NAME +COUNT +ACTIVE +PENDING +RESERVED +WAITING +FREE\na4:58:0f:04:00:00 +65536 +700 /,
    );
    for (const count of ['0', '65537', 'x']) {
      await expect(read(`statemaps/a4:58:0f:04:00:00?count=${count}`)).rejects.toThrow(/count must be a whole number/);
    }
  });

  test('the hours of a pool count what is sealed, and page without gaps', async () => {
    await eventually(
      async () => {
        const { items } = await raw(auditor, 'poolhours?fieldSelector=pool%3Ddocker');
        const hours = items.map((item) => poolHourObject.parse(item));
        expect(hours.reduce((sum, { handedOut }) => sum + handedOut, 0)).toBeGreaterThanOrEqual(DEVICES);
        expect(hours.at(-1)?.held).toBe(DEVICES);
      },
      { within: 60_000 },
    );
    const all = namesIn(await auditor(['get', `poolhours.${GROUP}`, '-o', 'name', '--chunk-size=1']));
    expect(all.length).toBeGreaterThan(0);
    expect(all).toEqual([...new Set(all)]);
    const hour = poolHourObject.parse(
      JSON.parse(await auditor(['get', `poolhours.${GROUP}`, all[0] ?? '', '-o', 'json'])),
    );
    expect(hour.metadata.name).toBe(all[0]);
  });

  test('clusters, the ledger and its seals have tables and single objects', async () => {
    const clusters = await auditor(['get', `clusters.${GROUP}`]);
    expect(clusters).toMatch(/^NAME +CLUSTER +ADDRESSES +ORPHANED +RESYNC +AGE\n\S+ +\S+ +\d+ +0 /);
    const [name = ''] = namesIn(await auditor(['get', `ledgers.${GROUP}`, '-o', 'name']));
    const ledger = ledgerObject.parse(JSON.parse(await auditor(['get', `ledgers.${GROUP}`, name, '-o', 'json'])));
    expect(ledger).toMatchObject({
      ...{ mode: 'open', waitsFor: [], needsApproval: false },
      prefixes: [{ prefix: 'a4:58:0f', kind: 'ieee' }],
    });
    expect(await auditor(['get', `seals.${GROUP}`])).toMatch(/^NAME +EPOCH +ROWS +AGE +HASH\n\d+ +1 +\d+ /);
    expect(await auditor(['get', `seals.${GROUP}`, '1'])).toMatch(/\n1 +1 /);
  });

  test('a client that follows the audit gets the next change in one request', async () => {
    const { plane } = installed();
    const newest = await raw(auditor, 'auditentries?limit=1');
    const start = newest.metadata.resourceVersion ?? '';
    expect(Number(start)).toBeLessThanOrEqual(Number(newest.items[0]?.metadata.name));
    const following = raw(auditor, `auditentries?fieldSelector=afterId%3D${start}&waitSeconds=20`);
    await plane.kubectl(['create', '-f', '-'], { input: aClaim('followed', { pool: 'production' }) });
    const { items, metadata } = await following;
    expect(items.length).toBeGreaterThan(0);
    expect(metadata.resourceVersion).toBe(items.at(-1)?.metadata.name);
    const nothing = await raw(auditor, 'auditentries?fieldSelector=afterId%3D0%2Cactor%3Dnobody');
    expect(nothing.items).toEqual([]);
    expect(Number(nothing.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(metadata.resourceVersion));
    await plane.kubectl(['delete', 'macallocation', 'followed']);
  });

  test('every list has a schema that kubectl explain can show', async () => {
    expect(await auditor(['explain', `statemaps.${GROUP}.states`])).toContain('One byte for each address');
  });
});

function token(after: string): string {
  return Buffer.from(JSON.stringify({ v: 1, after })).toString('base64url');
}

describe('a user without permission', () => {
  test.each(LEDGER_KINDS.map(({ plural }) => plural))('cannot list %s', async (plural) => {
    await expect(stranger(['get', `${plural}.${GROUP}`])).rejects.toThrow(
      new RegExp(`${plural}.*is forbidden: User "eve" cannot list resource`),
    );
  });

  test('gets access with a role binding, and loses it without', async () => {
    const { plane } = installed();
    await plane.kubectl(['create', 'clusterrolebinding', 'eve', '--clusterrole=rock-mac-auditor', '--user=eve']);
    await eventually(() => stranger(['get', `pools.${GROUP}`]), { within: 30_000 });
    await plane.kubectl(['delete', 'clusterrolebinding', 'eve']);
    await eventually(() => expect(stranger(['get', `pools.${GROUP}`])).rejects.toThrow(/forbidden/), {
      within: 30_000,
    });
  });
});

describe('a direct connection', () => {
  interface HttpResponse {
    readonly status: number;
    readonly body: string;
  }

  /** Sends a request directly to the Service, as anybody in the cluster's network can. */
  async function sendRequest(headers: Record<string, string>, client?: KeyPair): Promise<HttpResponse> {
    const { plane } = installed();
    const host = await plane.kubectl([
      ...['get', 'service', 'rock-mac-read-api', '-n', 'rock-mac-system'],
      ...['-o', 'jsonpath={.spec.clusterIP}'],
    ]);
    return await new Promise((resolve, reject) => {
      const sending = request(
        {
          host,
          port: 10_250,
          path: `${BASE}/addresses?limit=1`,
          headers,
          agent: false,
          rejectUnauthorized: false,
          ...(client !== undefined && { cert: client.certificate, key: client.key }),
        },
        (response) => {
          let body = '';
          response.on('data', (chunk: Buffer) => (body += chunk.toString()));
          response.on('end', () => {
            resolve({ status: response.statusCode ?? 0, body });
          });
        },
      );
      sending.on('error', reject);
      sending.end();
    });
  }

  const forged = { 'X-Remote-User': 'ada', 'X-Remote-Group': 'system:masters' };

  test('with a forged X-Remote-User but without a certificate is rejected', async () => {
    const { status, body } = await sendRequest(forged);
    expect(status).toBe(401);
    expect(body).toContain('only the API server may connect');
    expect(body).not.toContain('a4:58:0f');
  });

  test('with the certificate of an administrator, another client CA or an unknown CA is rejected', async () => {
    const { plane } = installed();
    const stranger = await createCa('somebody else');
    const client = await loadCa(plane.access.authority);
    for (const certificate of [
      plane.access.admin,
      await client.issue({ commonName: 'front-proxy-client' }),
      await stranger.issue({ commonName: 'front-proxy-client' }),
    ]) {
      expect((await sendRequest(forged, certificate)).status).toBe(401);
    }
  });

  test('of the front proxy must name a user, who needs the permission', async () => {
    const folder = path.join(installed().plane.access.folder, 'certificates');
    const [certificate, key] = await Promise.all(
      ['front-proxy.crt', 'front-proxy.key'].map((name) => readFile(path.join(folder, name), 'utf8')),
    );
    const proxy = { certificate: certificate ?? '', key: key ?? '' };
    expect((await sendRequest({}, proxy)).status).toBe(401);
    expect((await sendRequest({ 'X-Remote-User': 'eve' }, proxy)).status).toBe(403);
    expect((await sendRequest({ 'X-Remote-User': 'ada' }, proxy)).status).toBe(200);
  });

  test('with a newly published front proxy CA is accepted, with an allowed common name only', async () => {
    const { plane } = installed();
    const next = await createCa('the next front proxy');
    const proxy = await next.issue({ commonName: 'front-proxy-client' });
    const other = await next.issue({ commonName: 'another-client' });
    expect((await sendRequest({ 'X-Remote-User': 'ada' }, proxy)).status).toBe(401);
    const path = ['configmap', 'extension-apiserver-authentication', '-n', 'kube-system'];
    const published = await plane.kubectl([
      ...['get', ...path],
      ...['-o', 'jsonpath={.data.requestheader-client-ca-file}'],
    ]);
    const data = { 'requestheader-client-ca-file': `${published.trim()}\n${next.certificate}` };
    await plane.kubectl(['patch', ...path, '--type=merge', '-p', JSON.stringify({ data })]);
    await eventually(
      async () => {
        expect((await sendRequest({ 'X-Remote-User': 'ada' }, proxy)).status).toBe(200);
      },
      { within: 30_000 },
    );
    expect((await sendRequest({ 'X-Remote-User': 'ada' }, other)).status).toBe(401);
  });
});

describe('during outages', () => {
  test('without the ledger it fails in time, and discovery still works', async () => {
    const { ledgerProxy } = installed();
    await ledgerProxy.cut();
    try {
      const started = Date.now();
      await expect(auditor(['get', `addresses.${GROUP}`])).rejects.toThrow(/the ledger cannot be read \(LEDGER_/);
      expect(Date.now() - started).toBeLessThan(20_000);
      expect(await auditor(['api-resources', `--api-group=${GROUP}`, '-o', 'name'])).toContain(`addresses.${GROUP}`);
    } finally {
      await ledgerProxy.heal();
    }
    await eventually(() => auditor(['get', `pools.${GROUP}`]), { within: 30_000 });
  });

  test('with a hanging ledger it fails in time', async () => {
    const { ledgerProxy } = installed();
    ledgerProxy.freeze();
    try {
      const started = Date.now();
      await expect(auditor(['get', `addresses.${GROUP}`])).rejects.toThrow(/the ledger cannot be read \(LEDGER_/);
      expect(Date.now() - started).toBeLessThan(20_000);
    } finally {
      await ledgerProxy.heal();
    }
    await eventually(() => auditor(['get', `pools.${GROUP}`]), { within: 30_000 });
  });

  test('with one of two operators killed, the other one serves requests', async () => {
    const { installation } = installed();
    await installation.operators[0]?.kill();
    await eventually(() => auditor(['get', `pools.${GROUP}`]), { within: 30_000 });
  });
});
