import { beforeAll, describe, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from './installed-env.ts';
import { machine, machineNic, macsOfMachine } from './kubemacpool-shapes.ts';

/* What users of kubemacpool rely on when they change the range of a cluster that runs. docs/kubemacpool-scenarios.md lists the rest. */

const installed = installedEnvOfThisFile();
const within = { within: 40_000, every: 200 };
const READY_REASON = '{.status.conditions[?(@.type=="Ready")].reason}';

async function kubectl(args: readonly string[], input?: object): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
}

function pool(name: string, first: string, last: string) {
  const spec = { first: `a4:58:0f:${first}`, last: `a4:58:0f:${last}`, reuseDelay: '1m' };
  return { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name }, spec };
}

const apply = (object: object) => kubectl(['apply', '-f', '-'], object);
const untilPool = (name: string, reason: string) =>
  kubectl(['wait', `--for=jsonpath=${READY_REASON}=${reason}`, `macpool/${name}`, '--timeout=30s']);
const untilReady = (name: string) => kubectl(['wait', '--for=condition=Ready', `macpool/${name}`, '--timeout=30s']);
const use = (name: string) => kubectl(['annotate', 'namespace', 'vms', '--overwrite', `mac.rock-os.io/pool=${name}`]);

/** Creates a machine on one network. Returns its address. */
async function create(name: string): Promise<string> {
  const created = await kubectl(['create', '-n', 'vms', '-f', '-', '-o', 'json'], machine(name, [machineNic('red')]));
  return macsOfMachine(created)[0] ?? '';
}

async function addressOf(name: string): Promise<string | undefined> {
  return macsOfMachine(await kubectl(['get', 'vm', name, '-n', 'vms', '-o', 'json']))[0];
}

/** Creates machines until one has an address of a range: the webhook sees a change of the namespace a moment later. */
let made = 0;
const untilCreatedIn = (range: RegExp) =>
  eventually(async () => {
    const address = await create(`m${String(++made)}`);
    expect(address).toMatch(range);
    return address;
  }, within);

async function untilState(address: string, state: string): Promise<void> {
  await eventually(async () => {
    expect((await findByMac(installed().ledger, mac(address)))?.state).toBe(state);
  }, within);
}

beforeAll(async () => {
  await installForeignCrds(installed().plane.kubectl);
  await kubectl(['create', 'namespace', 'vms']);
  await kubectl(['label', 'namespace', 'vms', 'mac.rock-os.io/inject=enabled']);
  await apply(pool('first', '20:00:00', '20:00:ff'));
  await untilReady('first');
  await use('first');
  await untilCreatedIn(/^a4:58:0f:20:/);
});

describe('the range of a cluster', () => {
  test('44: can be changed: new machines get addresses of the new one, and older ones keep theirs', async () => {
    const before = await create('older');
    await untilState(before, 'active');
    await apply(pool('second', '21:00:00', '21:00:ff'));
    await untilReady('second');
    await use('second');
    await untilCreatedIn(/^a4:58:0f:21:/);
    expect(await addressOf('older')).toBe(before);
    expect((await findByMac(installed().ledger, mac(before)))?.state).toBe('active');
  });

  test('45: stays as it is after an invalid change, and is still served', async () => {
    await expect(apply(pool('turned', '22:00:ff', '22:00:00'))).rejects.toThrow(/first must not be greater than last/);
    await expect(apply(pool('second', '21:00:00', '21:00:0f'))).rejects.toThrow(/a pool may grow at its end/);
    await expect(apply(pool('nonsense', '22:00:00', '22:00:0x'))).rejects.toThrow(/spec.last/);
    await apply(pool('overlapping', '21:00:80', '21:01:ff'));
    await untilPool('overlapping', 'RangeOverlaps');
    await untilCreatedIn(/^a4:58:0f:21:00:/);
  });

  test('46: is kept, and served, while its MacPool is deleted and machines have addresses of it', async () => {
    const before = await untilCreatedIn(/^a4:58:0f:21:/);
    await untilState(before, 'active');
    await kubectl(['delete', 'macpool', 'second', '--wait=false']);
    await untilPool('second', 'DeletionBlocked');
    await untilCreatedIn(/^a4:58:0f:21:/);
    expect((await findByMac(installed().ledger, mac(before)))?.state).toBe('active');
  });

  test('47: can be changed twice, and then grow', async () => {
    for (const [name, octet] of [
      ['third', '23'],
      ['fourth', '24'],
    ] as const) {
      await apply(pool(name, `${octet}:00:00`, `${octet}:00:01`));
      await untilReady(name);
      await use(name);
      await untilCreatedIn(new RegExp(`^a4:58:0f:${octet}:`));
    }
    await apply(pool('fourth', '24:00:00', '24:00:ff'));
    for (let more = 0; more < 3; more++) await untilCreatedIn(/^a4:58:0f:24:/);
  });
});

test(
  'a full range refuses a machine, and gives it an address that was released before',
  { timeout: 180_000 },
  async () => {
    await apply(pool('tiny', '25:00:00', '25:00:01'));
    await untilReady('tiny');
    await use('tiny');
    const one = await untilCreatedIn(/^a4:58:0f:25:/);
    const two = await create('full');
    await untilState(two, 'active');
    expect(new Set([one, two]).size).toBe(2);
    await expect(create('late')).rejects.toThrow(/Pool tiny has no free address/);
    await kubectl(['delete', 'vm', 'full', '-n', 'vms']);
    await untilState(two, 'released');
    const address = await eventually(() => create('late'), { within: 120_000, every: 2_000 });
    expect(address).toBe(two);
  },
);
