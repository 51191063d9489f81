import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { listAddresses } from '../../ledger/address/find.ts';
import { listAudit } from '../../ledger/audit.ts';
import { eventually } from '../env/run/eventually.ts';
import {
  aClaim,
  installedEnvOfThisFile,
  setLedgerAhead,
  shownAllocations,
  untilNoAllocations,
  whileLedgerIsAhead,
} from '../integration/installed-env.ts';
import { openShell, type RockMacShell } from '../integration/rock-mac-shell.ts';

/*
 * A jump of the database's clock once released every claim that had an expiry, and deleted its MacAllocation. The release
 * guard did not count expiries.
 */
const CLAIMS = 70;
const installed = installedEnvOfThisFile({ operators: 2, webhooks: 0, env: { ROCK_MAC_RESYNC_SECONDS: '2' } });
let shell: RockMacShell;

beforeAll(async () => {
  await installed().plane.kubectl(['delete', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '--all']);
  shell = await openShell({ ROCK_MAC_LEDGER_URL: ledgerUrl() });
});

afterAll(async () => {
  await shell.close();
});

function ledgerUrl(): string {
  const { testEnv } = installed();
  return testEnv.postgres.url('rock_mac');
}

async function createClaims(): Promise<void> {
  const { plane } = installed();
  const claims = Array.from({ length: CLAIMS }, (_, index) =>
    aClaim(`claim-${String(index)}`, { pool: 'experiment', expiresAfter: '1h' }),
  );
  await plane.kubectl(['create', '-f', '-'], { input: claims.join('\n') });
  await eventually(
    async () => {
      expect(await allocated()).toBe(CLAIMS);
    },
    { within: 60_000, every: 500 },
  );
}

async function allocated(): Promise<number> {
  return (await shownAllocations(installed().plane)).filter(({ mac }) => mac !== undefined).length;
}

const pool = z.object({
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() })),
  }),
});

/** Waits until a condition of the pool of the claims has this reason, and returns its message. */
async function untilPoolReason(type: string, reason: string, within = 30_000): Promise<string> {
  return await eventually(
    async () => {
      const text = await installed().plane.kubectl(['get', 'macpool', 'experiment', '-o', 'json']);
      const condition = pool.parse(JSON.parse(text)).status.conditions.find((each) => each.type === type);
      if (condition?.reason !== reason) throw new Error(`${type} is ${JSON.stringify(condition)}`);
      return condition.message;
    },
    { within, every: 200 },
  );
}

async function heldByDevices(): Promise<number> {
  return (await listAddresses(installed().ledger, { pool: 'experiment', states: ['active'], limit: 1_000 })).filter(
    ({ device }) => device !== undefined,
  ).length;
}

test('after a jump of three days no claim and no device expires, until a person has corrected the clock', async () => {
  const { ledger } = installed();
  await createClaims();
  for (const device of ['a', 'b', 'c']) await shell.rockMac('allocate', '-p', 'experiment', '-d', device);

  await setLedgerAhead(ledger, '3 days');
  await untilPoolReason('ExpiryHeld', 'ClockUnknown');
  expect(await shell.rockMac('cleanup')).toMatchObject({
    code: 7,
    stderr: expect.stringContaining('Nothing expires now') as string,
  });
  // Both operators report every 30 seconds.
  expect(await untilPoolReason('ExpiryHeld', 'ClockJumped', 60_000)).toMatch(/4320 minutes ahead.*--trust-clock/);
  expect(await allocated()).toBe(CLAIMS);
  expect(await heldByDevices()).toBe(3);
  expect((await shell.rockMac('ledger', 'status')).stdout).toContain('4320 minutes ahead');
  expect((await shell.rockMac('recover', '--trust-clock')).stderr).toContain('do not agree with the clock');

  await setLedgerAhead(ledger, '0');
  await eventually(
    async () => {
      expect(await shell.rockMac('recover', '--trust-clock')).toMatchObject({ code: 0 });
    },
    { within: 120_000, every: 2_000 },
  );
  await untilPoolReason('ExpiryHeld', 'ClockTrusted');
  expect(await listAudit(ledger, { action: 'trust-clock' })).toHaveLength(1);
  expect(await shell.rockMac('cleanup')).toMatchObject({ code: 0, stdout: 'Released 0 expired allocation(s)\n' });
  expect(await allocated()).toBe(CLAIMS);
});

test('more claims than usual that expire at once are held until a person approves them', async () => {
  const { ledger, plane } = installed();
  await whileLedgerIsAhead(ledger, '61 minutes', async () => {
    expect(await untilPoolReason('AutoReleaseHeld', 'TooMany')).toMatch(/^70 claims have expired, and .*"70"$/);
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect(await allocated()).toBe(CLAIMS);
    await plane.kubectl(['annotate', 'macpool', 'experiment', 'mac.rock-os.io/approve-release=70']);
    await untilNoAllocations(plane, 60_000);
    await untilPoolReason('AutoReleaseHeld', 'NothingToRelease');
  });
});
