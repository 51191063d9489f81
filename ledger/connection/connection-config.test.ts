import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { connectionConfig } from './connection-config.ts';

const options = { applicationName: 'test', connectTimeoutMs: 1_000 };

test('a URL gives the address of the database and the user', () => {
  const url = 'postgresql://ada:s%40cret@db.example.org:6432/rock_mac';
  const { host, port, user, database, password } = new Client(connectionConfig({ ...options, url }));
  expect({ host, port, user, database, password }).toEqual({
    ...{ host: 'db.example.org', port: 6432, user: 'ada', database: 'rock_mac', password: 's@cret' },
  });
});

test('a URL may name the folder of a socket', () => {
  const url = 'postgresql://ada@localhost/rock_mac?host=/run/postgresql';
  expect(new Client(connectionConfig({ ...options, url })).host).toBe('/run/postgresql');
});

test.each([
  'postgress://app:s3cret@db:5432/rock',
  'app:s3cret@db:5432/rock',
  'host=db user=app password=s3cret',
  'postgresql://app:s3"cret@db:99999/rock',
  'postgresql://app:s3 cret@db:99999/rock',
  'postgresql:///rock?password=s3cret&port=none',
])('a password in an invalid URL is not repeated (%s)', (url) => {
  expect(() => connectionConfig({ ...options, url })).toThrow(/is not the URL(?!.*cret)/);
});

const VERIFIED = { rejectUnauthorized: true };

test.each([
  ['postgresql://ada@localhost/x', undefined],
  ['postgresql://ada@127.8.9.10:6432/x', undefined],
  ['postgresql://ada@[::1]/x', undefined],
  ['postgresql:///x?host=/run/postgresql', undefined],
  ['postgresql://ada@localhost/x?host=db.example.org', VERIFIED],
  ['postgresql://ada@db/x', VERIFIED],
  ['postgresql://ada@db/x?ssl=false', VERIFIED],
  ['postgresql://ada@localhost.example.org/x', VERIFIED],
  ['postgresql://ada@127.0.0.1.example.org/x', VERIFIED],
  ['postgresql://ada@10.0.0.1/x', VERIFIED],
  ['postgresql://ada@[fd00::1]/x', VERIFIED],
  ['postgresql://ada@[::ffff:10.0.0.1]/x', VERIFIED],
  ['postgresql://ada@db/x?sslmode=disable', undefined],
  ['postgresql://ada@db/x?sslmode=no-verify', { rejectUnauthorized: false }],
  ['postgresql://ada@localhost/x?sslmode=verify-full', VERIFIED],
])('only a server on this machine is reached without TLS by default (%s)', (url, ssl) => {
  const config = connectionConfig({ ...options, url });
  expect(config.ssl).toEqual(ssl);
  expect(config.enableChannelBinding ?? false).toBe(ssl !== undefined);
});

test.each(['prefer', 'constructor', '__proto__'])('the unknown sslmode %s is refused', (mode) => {
  const url = `postgresql://ada@db/x?sslmode=${mode}`;
  expect(() => connectionConfig({ ...options, url })).toThrow(/which is unknown/);
});

test('a URL without a host means the one of PGHOST', () => {
  const before = process.env['PGHOST'];
  try {
    process.env['PGHOST'] = 'db.example.org';
    expect(connectionConfig({ ...options, url: 'postgresql:///x' }).ssl).toEqual(VERIFIED);
    delete process.env['PGHOST'];
    expect(connectionConfig({ ...options, url: 'postgresql:///x' }).ssl).toBeUndefined();
  } finally {
    if (before !== undefined) process.env['PGHOST'] = before;
  }
});

test('the password of a URL in a file is read again at each connection', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-url-'));
  try {
    const urlFile = path.join(folder, 'url');
    const config = connectionConfig({ ...options, url: 'postgresql://ada:old@db/x', urlFile });
    const ask = z.custom<() => Promise<string>>((value) => typeof value === 'function').parse(config.password);
    await writeFile(urlFile, 'postgresql://ada:new%40er@db/x\n');
    expect(await ask()).toBe('new@er');
    await writeFile(urlFile, 'postgresql://ada:s3cret@db:port/x');
    await expect(ask()).rejects.toThrow(/is not the URL(?!.*cret)/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each(['postgresql://ada@db/x', 'postgresql://ada:old@db/x'])(
  'node-postgres gets the password from the file (%s)',
  async (url) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-password-'));
    try {
      const passwordFile = path.join(folder, 'password');
      await writeFile(passwordFile, 'from-file\n');
      const { password } = new Client(connectionConfig({ ...options, url, passwordFile }));
      const ask = z.custom<() => Promise<string>>((value) => typeof value === 'function').parse(password);
      expect(await ask()).toBe('from-file');
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
