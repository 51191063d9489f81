import { beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../env/run/eventually.ts';
import { apply, aWiredPod, nodeEnvOfThisSuite, noNodes, skippedBecause } from './node-env.ts';
import { linksOf, networkStatusOf, podsOf, untilOnTheWire, writtenMacs } from './wire.ts';

/*
 * A kubelet, containerd, Multus and CNI plugins bring the addresses onto interfaces, which are read from the kernel.
 */

const OWN = 'a4:58:0f:05:7f:01';

/** The pods, and on how many interfaces each has an address of ours. */
const forms = {
  json: { networks: '[{"name":"blue"},{"name":"red"}]', each: 2 },
  comma: { networks: 'blue,red', each: 2 },
  'comma-named': { networks: 'default/blue@data0, red@data1', each: 2 },
  twice: { networks: 'blue,blue', each: 2 },
  'twice-named': { networks: '[{"name":"blue","interface":"a0"},{"name":"blue","interface":"b0"}]', each: 2 },
  own: { networks: `[{"name":"blue","mac":"${OWN.toUpperCase().replaceAll(':', '-')}"},{"name":"red"}]`, each: 2 },
  'default-network': {
    networks: 'red',
    annotations: { 'v1.multus-cni.io/default-network': '[{"name":"blue","namespace":"default"}]' },
    each: 2,
  },
} as const;

describe.skipIf(noNodes !== undefined)(`on a real node${skippedBecause}`, () => {
  const env = nodeEnvOfThisSuite();

  beforeAll(async () => {
    await eventually(
      () => apply(env(), ...Object.entries(forms).map(([name, { each, ...options }]) => aWiredPod(name, options))),
      { within: 30_000 },
    );
  });

  test.each(Object.entries(forms))('a pod has its addresses on its links: %s', async (name, { each }) => {
    const [pod] = await untilOnTheWire(env(), ['-l', `app=${name}`], { pods: 1, each });
    expect(pod?.metadata.name).toBe(name);
  });

  test('the names of interfaces, the own address and the default network are as the pods want them', async () => {
    const [named, own, withDefault] = await Promise.all(
      ['comma-named', 'own', 'default-network'].map(async (name) => {
        const [pod] = await podsOf(env(), name);
        if (pod === undefined) throw new Error(`${name} is missing`);
        return { written: writtenMacs(pod), links: await linksOf(pod) };
      }),
    );
    expect(named?.links).toMatchObject({ data0: named?.written[0], data1: named?.written[1] });
    expect(own?.links['net1']).toBe(OWN);
    expect(withDefault?.written).toContain(withDefault?.links['eth0']);
  });

  test('two pods reach each other on a bridge, and see the right address of the other', async () => {
    const [one, two] = await Promise.all(['json', 'comma'].map(async (name) => (await podsOf(env(), name))[0]));
    const target = two && networkStatusOf(two).find(({ interface: name }) => name === 'net1');
    const exec = (command: string) =>
      env().plane.kubectl(['exec', one?.metadata.name ?? '', '--', 'sh', '-c', command]);
    expect(await exec(`ping -c 2 -W 5 -I net1 ${target?.ips?.[0] ?? ''}`)).toContain('2 packets received');
    const neighbours = await exec('cat /proc/net/arp');
    expect(neighbours.split('\n').find((line) => line.includes('net1'))).toContain(target?.mac);
    expect(target?.mac).toMatch(/^a4:58:0f:/);
  });
});
