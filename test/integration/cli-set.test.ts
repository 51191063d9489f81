import { expect, test } from 'vitest';
import { z } from 'zod';
import { findByMac } from '../../ledger/address/find.ts';
import { setMetadata } from '../../ledger/address/set-metadata.ts';
import { listAudit } from '../../ledger/audit.ts';
import { mac } from '../../mac/mac-address.ts';
import { aRequest, findingsExceptClock, joinCluster, ledgerOfThisFile, takeAddress } from './ledger-fixture.ts';
import { shellOfThisFile } from './rock-mac-shell.ts';

/* `rock-mac set`: what a person says about a device. */

const ledger = ledgerOfThisFile();
const shell = shellOfThisFile(ledger);

const run = (line: string) => shell.bash(`rock-mac ${line}`);

async function out(line: string): Promise<string> {
  const { code, stdout, stderr } = await run(line);
  expect({ line, code, stderr }).toEqual({ line, code: 0, stderr: '' });
  return stdout;
}

const list = z.object({
  items: z.array(
    z.object({ device: z.object({ type: z.string().optional() }), metadata: z.record(z.string(), z.unknown()) }),
  ),
});

async function shown(device: string) {
  return list.parse(JSON.parse(await out(`show ${device} -o json`))).items;
}

test('a device gets other metadata and another type, and the audit has both', async () => {
  const given = (await out(`allocate -d one -m '{"rack": "a6", "vlan": 12}' -o name`)).trim();
  expect(await out('set one rack=a7 owner=ada vlan- type=switch --reason "moved to rack 7"')).toBe(
    `Changed MAC: ${given}\n`,
  );
  expect(await shown('one')).toEqual([{ device: { type: 'switch' }, metadata: { rack: 'a7', owner: 'ada' } }]);
  const [entry] = await listAudit(ledger.current.db, { mac: mac(given), limit: 1 });
  expect(entry).toMatchObject({
    action: 'set',
    reason: 'moved to rack 7',
    stateBefore: 'active',
    state: 'active',
    generation: 1,
    details: {
      deviceType: 'switch',
      metadata: { rack: 'a7', owner: 'ada' },
      before: { deviceType: 'qemu-vm', metadata: { rack: 'a6', vlan: 12 } },
    },
  });
  expect(await out('list --metadata rack=a7 -o name')).toBe(`${given}\n`);
  expect(await findingsExceptClock(ledger.current.db)).toEqual([]);
});

test('what is so already is no change of the audit', async () => {
  await out('allocate -d same -m \'{"rack": "a7"}\'');
  const [before] = await listAudit(ledger.current.db, { limit: 1 });
  await out('set same rack=a7 none-');
  expect((await listAudit(ledger.current.db, { limit: 1 }))[0]?.id).toBe(before?.id);
});

test('all addresses of a device change, or none of them', async () => {
  const { db } = ledger.current;
  const one = await takeAddress(ledger.current, aRequest({ key: 'many-1', device: { id: 'many' } }));
  const two = await takeAddress(ledger.current, aRequest({ key: 'many-2', device: { id: 'many' } }));
  const change = (generation: number) => {
    const description = { before: { metadata: {} }, after: { metadata: { rack: 'a7' } } };
    return setMetadata(
      db,
      [
        { ...one, ...description },
        { ...two, ...description, generation },
      ],
      {
        actor: 'ada',
        reason: 'test',
      },
    );
  };
  expect(await change(2)).toEqual({ outcome: 'refused', items: [{ outcome: 'set' }, { outcome: 'not_owner' }] });
  expect((await findByMac(db, one.mac))?.metadata).toEqual({});
  await out('set many rack=a7');
  expect((await shown('many')).map(({ metadata }) => metadata)).toEqual([{ rack: 'a7' }, { rack: 'a7' }]);
  expect(await change(1)).toMatchObject({
    outcome: 'refused',
    items: [{ outcome: 'changed' }, { outcome: 'changed' }],
  });
});

test('of changes at the same moment none is lost', async () => {
  await out('allocate -d busy');
  const keys = ['a', 'b', 'c'];
  await Promise.all(keys.map((key) => out(`set busy ${key}=1`)));
  expect((await shown('busy'))[0]?.metadata).toEqual({ a: '1', b: '1', c: '1' });
});

test('a dry run changes nothing', async () => {
  await out('allocate -d tried');
  expect(await run('set tried rack=a7 --dry-run')).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringMatching(/^Would change a4:58:0f:01:.* of pool development \(dry run\)\.\n$/) as string,
  });
  expect((await shown('tried'))[0]?.metadata).toEqual({});
});

test('too much metadata is refused, and nothing is changed', async () => {
  await out('allocate -d large');
  for (const n of [1, 2]) await out(`set large key-${String(n)}=${'x'.repeat(8_000)}`);
  expect(await run(`set large key-3=${'x'.repeat(1_000)}`)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('is longer than 16384 octets') as string,
  });
});

test.each([
  ['nobody rack=a7', 3, /Nobody holds nobody/],
  ['one rack', 2, /is no change\. Write key=value/],
  ['one', 2, /missing required argument/],
  ['one hostname=-x', 1, /The hostname "-x" is not valid/],
])('set %s is refused with the next step', async (line, code, stderr) => {
  expect(await run(`set ${line}`)).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(stderr) as string });
});

test('the address of an object in a cluster is not changed', async () => {
  await joinCluster(ledger.current.db, 'c1');
  const owner = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'team', name: 'claim', uid: 'u1', nic: '' };
  const { mac: held } = await takeAddress(ledger.current, aRequest({ key: 'claim/c1/u1', owner }));
  expect(await run(`set ${held} rack=a7`)).toMatchObject({
    code: 4,
    stderr: expect.stringMatching(/held by MacAllocation team\/claim in a cluster, so nothing was set/) as string,
  });
});
