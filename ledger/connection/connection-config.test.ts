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
