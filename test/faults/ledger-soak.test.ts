import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { releaseExpiredDevices } from '../../ledger/address/expired-devices.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { migrate } from '../../ledger/migrate.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { mac, macToNumber } from '../../mac/mac-address.ts';
import { type Postgres, startPostgres } from '../env/postgres/postgres.ts';
import { eventually } from '../env/run/eventually.ts';
import { auditAndTable, replay } from '../integration/ledger-audit-replay.ts';
import { findingsExceptClock } from '../integration/ledger-fixture.ts';

/*
 * Six processes with sixteen requesters each compete for the 48 addresses of one pool, while the processes and Postgres
 * are killed in turn. ROCK_MAC_SOAK_SECONDS makes it longer.
 */
const SECONDS = Number(process.env['ROCK_MAC_SOAK_SECONDS'] ?? 40);
const PROCESSES = 6;

const pool = {
  name: 'crowded',
  first: mac('a4:58:0f:60:00:00'),
  last: mac('a4:58:0f:60:00:2f'),
  description: '',
  autoReleaseSeconds: 3_600,
  reuseDelaySeconds: 60,
};

/**
 * The ledger's clock runs 600 times as fast: the reuse delay of a minute takes 0.1 s, the expiry for killed processes 6
 * s.
 */
const SPEED = 600;
const start = new Date();
const FAST_CLOCK = `create or replace function rock_mac.clock() returns timestamptz language sql volatile parallel safe
  return timestamptz '${start.toISOString()}' + (clock_timestamp() - timestamptz '${start.toISOString()}') * ${String(SPEED)}`;

/** Converts a time of the ledger's clock to our clock. */
const ourTime = (time: Date) => Number(start) + (Number(time) - Number(start)) / SPEED;

const factSchema = z.object({
  fact: z.enum(['got', 'releasing', 'released', 'error']),
  at: z.number(),
  mac: z.string().optional(),
  generation: z.int().optional(),
  key: z.string().optional(),
  code: z.string().optional(),
  /** Expiry by the ledger's clock; absent for an address without one. */
  until: z.coerce.date().optional(),
});

type Fact = z.infer<typeof factSchema>;

let postgres: Postgres;
let db: LedgerClient;

beforeAll(async () => {
  postgres = await startPostgres({ fsync: false });
  await migrate(postgres.url());
  db = openLedger({
    url: postgres.url(),
    applicationName: 'test',
    max: 2,
    statementTimeoutMs: 20_000,
    connectTimeoutMs: 2_000,
  });
  await definePool(db, pool, 'test');
  await db.connections.query(FAST_CLOCK);
  // No caller's clock runs as fast.
  await db.connections.query(
    'create or replace function rock_mac.expiry_held() returns text language sql volatile return null',
  );
});

afterAll(async () => {
  await db.close();
  await postgres.close();
});

interface Waiter {
  readonly process: ChildProcess;
  readonly exited: Promise<unknown>;
}

/** Starts a process and collects its facts until it is killed. */
function startCaller(number: number, facts: Fact[]): Waiter {
  const script = path.join(import.meta.dirname, 'ledger-caller.ts');
  const args = [script, postgres.url(), pool.name, `caller-${String(number)}`, String(macToNumber(pool.first))];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.endsWith('}')) facts.push(factSchema.parse(JSON.parse(line)));
  });
  return { process: child, exited: new Promise((resolve) => child.once('close', resolve)) };
}

async function kill({ process: child, exited }: Waiter): Promise<void> {
  child.kill('SIGKILL');
  await exited;
}

async function breakThings(until: number, facts: Fact[]): Promise<{ clients: number; servers: number }> {
  const killed = { clients: 0, servers: 0 };
  let number = 0;
  const callers = Array.from({ length: PROCESSES }, () => startCaller(number++, facts));
  for (let round = 0; Date.now() < until || killed.servers < SECONDS / 10; round++) {
    await sleep(randomInt(200, 700));
    await releaseExpiredDevices(db, { pool: pool.name, graceSeconds: 0, limit: 100, actor: 'cleanup' });
    if (round % 3 === 2) {
      await postgres.kill();
      killed.servers++;
      await sleep(randomInt(50, 300));
      await postgres.start();
    } else {
      const victim = callers.shift();
      if (victim !== undefined) await kill(victim);
      killed.clients++;
      callers.push(startCaller(number++, facts));
    }
  }
  // At any moment, under load, the table equals the replayed audit.
  const { entries, table } = await auditAndTable(db);
  expect(replay(entries)).toEqual(table);
  await Promise.all(callers.map(kill));
  return killed;
}

/** Waits until the server has completed the last statements of killed clients, so nothing changes any more. */
async function nobodyAtWork(): Promise<void> {
  await eventually(
    async () => {
      const others = await db.query({
        text: `select application_name as name, state, query from pg_stat_activity where application_name like 'caller-%'`,
        values: [],
        row: z.object({ name: z.string(), state: z.string().nullable(), query: z.string() }),
      });
      expect(others).toEqual([]);
    },
    { within: 30_000 },
  );
}

/** Returns overlapping holds. A hold lasts from the result to the release or expiry, as the clients saw it. */
function overlaps(facts: readonly Fact[]): string[] {
  const ends = new Map(facts.filter(({ fact }) => fact === 'releasing').map(({ key, at }) => [key, at]));
  const held = facts
    .filter(({ fact }) => fact === 'got')
    .map(({ mac, key, at, until }) => {
      const expiry = until === undefined ? Infinity : ourTime(until);
      return { mac, key, from: at, to: Math.min(ends.get(key) ?? Infinity, expiry) };
    })
    .sort((a, b) => (a.mac ?? '').localeCompare(b.mac ?? '') || a.from - b.from);
  return held.flatMap((one, index) => {
    const next = held[index + 1];
    return next?.mac === one.mac && next !== undefined && next.from < one.to
      ? [`${String(one.mac)}: ${String(one.key)} and ${String(next.key)}`]
      : [];
  });
}

test(
  'kill -9 of clients and of Postgres: no address has two owners, no result is lost, no address is skipped',
  { timeout: SECONDS * 1_000 + 120_000 },
  async () => {
    const facts: Fact[] = [];
    const killed = await breakThings(Date.now() + SECONDS * 1_000, facts);
    const got = facts.filter(({ fact }) => fact === 'got');
    const released = facts.filter(({ fact }) => fact === 'released');
    const errors = Object.entries(
      Object.groupBy(
        facts.filter(({ fact }) => fact === 'error'),
        ({ code = '' }) => code,
      ),
    );
    console.log(
      `${String(killed.clients)} clients and ${String(killed.servers)} servers killed; ${String(got.length)} addresses got, ` +
        `${String(released.length)} released; ${errors.map(([code, some]) => `${code} ${String(some?.length)}`).join(', ')}`,
    );
    expect(got.length).toBeGreaterThan(SECONDS * 5);

    await nobodyAtWork();
    const { entries, table } = await auditAndTable(db);
    expect(replay(entries)).toEqual(table);
    const auditLine = (state: string, { mac: address = '', generation = 0, key = '' }: Fact) =>
      `${state} ${address} ${String(generation)} ${key}`;
    const audited = new Set(
      entries.map(
        ({ state, addr, generation, holder_key }) =>
          `${state === 'released' ? 'released' : 'got'} ${String(addr)} ${String(generation)} ${holder_key}`,
      ),
    );
    const inNumbers = (fact: Fact) => ({ ...fact, mac: String(macToNumber(mac(fact.mac ?? ''))) });
    const lost = [...got, ...released]
      .map((fact) => auditLine(fact.fact, inNumbers(fact)))
      .filter((line) => !audited.has(line));
    expect(lost).toEqual([]);
    expect(overlaps(facts)).toEqual([]);
    expect(await findingsExceptClock(db)).toEqual([]);
  },
);
