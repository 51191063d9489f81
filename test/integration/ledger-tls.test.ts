import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type LedgerOptions, openLedger } from '../../ledger/connection/connect.ts';
import { startTlsMiddle } from '../doubles/tls-middle.ts';
import { type Ca, createCa } from '../env/kubernetes/certificates.ts';
import { withClient } from '../env/postgres/databases.ts';
import { type Postgres, startPostgres } from '../env/postgres/postgres.ts';
import { serveTls } from '../env/postgres/postgres-tls.ts';
import { eventually } from '../env/run/eventually.ts';
import { sharedTestEnv } from '../env/testing.ts';

let postgres: Postgres;
let folder: string;
let ours: Ca;
let others: Ca;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-tls-'));
  ours = await createCa('our authority');
  others = await createCa('their authority');
  postgres = await startPostgres({ fsync: false });
});
afterAll(async () => {
  await postgres.close();
  await rm(folder, { recursive: true });
});

const encrypted = {
  text: 'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
  values: [],
  row: z.object({ ssl: z.boolean() }),
};

/** Returns whether a new connection is encrypted. */
async function isEncrypted(url: string, changes: Partial<LedgerOptions> = {}): Promise<boolean> {
  const options = { applicationName: 'test', max: 1, statementTimeoutMs: 10_000, connectTimeoutMs: 10_000 };
  const db = openLedger({ ...options, url, ...changes });
  try {
    return (await db.query(encrypted))[0]?.ssl ?? false;
  } finally {
    await db.close();
  }
}

/** Makes the server use a certificate for these names. */
async function showCertificate(subject: { serverNames?: string[]; serverAddresses?: string[] }): Promise<void> {
  await serveTls(postgres, await ours.issue({ commonName: 'postgres', ...subject }));
}

const TLS_FAILED = { code: 'LEDGER_TLS_FAILED', retryable: false };

describe('a ledger whose certificate names its address', () => {
  beforeAll(() => showCertificate({ serverAddresses: ['127.0.0.1'] }));

  test('is reached with the CA that signed it, and the connection is encrypted', async () => {
    for (const mode of ['', '?sslmode=require', '?sslmode=verify-ca', '?sslmode=verify-full']) {
      expect(await isEncrypted(postgres.url() + mode, { ca: ours.certificate })).toBe(true);
    }
  });

  test('is not reached with another CA, or with none, however weak the mode sounds', async () => {
    await expect(isEncrypted(postgres.url(), { ca: others.certificate })).rejects.toMatchObject(TLS_FAILED);
    for (const mode of ['require', 'verify-ca', 'verify-full']) {
      await expect(isEncrypted(`${postgres.url()}?sslmode=${mode}`)).rejects.toMatchObject(TLS_FAILED);
    }
  });

  test('is reached unverified or unencrypted only if the URL requests it', async () => {
    expect(await isEncrypted(`${postgres.url()}?sslmode=no-verify`)).toBe(true);
    expect(await isEncrypted(`${postgres.url()}?sslmode=disable`, { ca: ours.certificate })).toBe(false);
    await expect(isEncrypted(`${postgres.url()}?sslmode=prefer`)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });
});

describe('a ledger whose certificate', () => {
  test.each([
    ['names another address', { serverAddresses: ['127.0.0.2'] }],
    ['names localhost and not its address', { serverNames: ['localhost'] }],
  ])('%s is not reached', async (_, subject) => {
    await showCertificate(subject);
    await expect(isEncrypted(postgres.url(), { ca: ours.certificate })).rejects.toMatchObject(TLS_FAILED);
  });

  test('names its host name is reached by that name', async () => {
    await showCertificate({ serverNames: ['localhost'] });
    expect(await isEncrypted(postgres.url().replace('@127.0.0.1:', '@localhost:'), { ca: ours.certificate })).toBe(
      true,
    );
  });
});

test('a server without TLS is not reached if TLS is required', async () => {
  await expect(isEncrypted(sharedTestEnv().postgresUrl, { ca: ours.certificate })).rejects.toMatchObject(TLS_FAILED);
});

test('somebody in the middle with a certificate of the same CA cannot log in with what they hear', async () => {
  await showCertificate({ serverAddresses: ['127.0.0.1'] });
  const middle = await startTlsMiddle(
    postgres.port,
    await ours.issue({ commonName: 'm', serverAddresses: ['127.0.0.1'] }),
  );
  const url = new URL(postgres.url());
  const verified = { ca: ours.certificate };
  expect(await isEncrypted(url.href, verified)).toBe(true);
  url.port = String(middle.port);
  await expect(isEncrypted(url.href, verified)).rejects.toMatchObject({ code: 'LEDGER_AUTH_FAILED' });
  // The one in the middle did pass everything on to the server.
  expect(middle.passedOn()).toBeGreaterThan(0);
  await middle.close();
});

describe('a password in a file', () => {
  test('overrides the URL, is read at every new connection, and is in no error', async () => {
    const passwordFile = path.join(folder, 'password');
    await writeFile(passwordFile, `${postgres.password}\n`);
    const url = new URL(postgres.url());
    url.password = 'of the url';
    const db = openLedger({
      url: url.href,
      passwordFile,
      applicationName: 'test',
      max: 1,
      statementTimeoutMs: 10_000,
      connectTimeoutMs: 10_000,
    });
    expect(await db.query(encrypted)).toHaveLength(1);

    const end = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test'`;
    await withClient(postgres.url(), async (admin) => {
      await admin.query(`alter role ${postgres.user} password 'rotated'`);
      await admin.query(end);
    });
    await eventually(async () => {
      await expect(db.query(encrypted)).rejects.toMatchObject({
        code: 'LEDGER_AUTH_FAILED',
        message: expect.not.stringContaining(postgres.password) as string,
      });
    });
    await writeFile(passwordFile, 'rotated');
    expect(await db.query(encrypted)).toHaveLength(1);
    await db.query({ text: `alter role ${postgres.user} password '${postgres.password}'`, values: [], row: z.never() });
    await db.close();
  });

  test('may be in the whole URL, and a rotation needs no restart', async () => {
    const urlFile = path.join(folder, 'url');
    const url = new URL(postgres.url());
    await writeFile(urlFile, url.href);
    const options = { applicationName: 'rotated', max: 1, statementTimeoutMs: 10_000, connectTimeoutMs: 10_000 };
    const db = openLedger({ url: url.href, urlFile, ...options });
    await withClient(postgres.url(), async (admin) => {
      for (const password of ['first', 'sec@nd', postgres.password]) {
        expect(await db.query(encrypted)).toHaveLength(1);
        await admin.query(`alter role ${postgres.user} password '${password}'`);
        url.password = encodeURIComponent(password);
        await writeFile(urlFile, `${url.href}\n`);
        await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rotated'`);
        await eventually(() => db.query(encrypted));
      }
    });
    await db.close();
  });

  test('that does not exist is reported with its path', async () => {
    const passwordFile = path.join(folder, 'missing');
    await expect(isEncrypted(postgres.url(), { passwordFile })).rejects.toMatchObject({
      code: 'LEDGER_AUTH_FAILED',
      message: expect.stringContaining(passwordFile) as string,
    });
  });
});
