import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ActionResult } from '../../api/console.ts';
import { release } from '../../ledger/address/release.ts';
import { type RunningConsole, startConsole } from '../console/console-server.ts';
import { openSession, type SessionHeaders } from '../console/open-session.ts';
import { aRequest, ledgerOfThisFile, takeAddress } from './ledger-fixture.ts';
import { sendRaw } from './odd-requests.ts';

const ledger = ledgerOfThisFile();
let served: RunningConsole;
let session: SessionHeaders;

beforeAll(async () => {
  served = await startConsole(ledger.current.url);
  session = await openSession(served.url());
});

afterAll(() => served.close());

interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Sends a request with any headers, which `fetch` does not let one choose. */
function call(path: string, sent: Sent = {}): Promise<Answer> {
  const { hostname, port, host } = new URL(served.origin);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        path: sent.path ?? path,
        method: sent.method ?? 'GET',
        headers: { Host: host, ...sent.headers },
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(sent.body);
  });
}

function exchange(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const body = JSON.stringify({ token: new URL(url).hash.replace('#token=', '') });
  return call('/api/session', { method: 'POST', headers, body });
}

const asUser = (headers: Readonly<Record<string, string>> = {}): Sent => ({ headers: { ...session, ...headers } });

describe('the session', () => {
  test('is a cookie that no script and no other site gets, and a secret that no other port gets', async () => {
    const { headers, body } = await exchange(served.url());
    expect(headers['set-cookie']?.[0]).toMatch(/^rock-mac-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(body).toMatch(/^\{"secret":"[\w-]{43}"\}$/);
    expect(body).not.toContain(session.Cookie.split('=')[1]);
  });

  test('is needed for every call', async () => {
    for (const path of ['/api/about', '/api/pools', '/api/search?q=a', '/api/audit.csv', '/api/unknown']) {
      expect((await call(path)).status).toBe(path === '/api/unknown' ? 404 : 401);
    }
    expect((await call('/api/about', asUser())).status).toBe(200);
  });

  test('is neither its cookie alone, which other ports get, nor its secret alone', async () => {
    const { Cookie, 'X-Rock-Mac': secret } = session;
    expect((await call('/api/about', { headers: { Cookie } })).status).toBe(401);
    expect((await call('/api/about', { headers: { 'X-Rock-Mac': secret } })).status).toBe(401);
    expect((await call('/api/about', asUser({ 'X-Rock-Mac': '1' }))).status).toBe(401);
  });

  test('begins with a token that works once, and with no other', async () => {
    const url = served.url();
    expect((await exchange(url)).status).toBe(200);
    const again = await exchange(url);
    expect(again).toMatchObject({ status: 401, body: expect.stringContaining('used before') as string });
    expect(again.headers['set-cookie']).toBeUndefined();
    expect((await exchange(`${served.origin}/#token=x`)).status).toBe(401);
    expect((await call('/api/session', { method: 'POST', body: '{"token":1}' })).status).toBe(400);
    expect((await call('/api/session')).status).toBe(405);
  });

  test('does not begin for another site', async () => {
    const headers = { Origin: 'https://evil.example' };
    expect((await exchange(served.url(), headers)).status).toBe(403);
  });
});

describe('another site', () => {
  test.each([
    ['a name that leads here', { Host: 'evil.example' }],
    ['a name that leads to another account on ::1 too', { Host: 'localhost' }],
    ['another Origin', { Origin: 'https://evil.example' }],
    ['the origin null', { Origin: 'null' }],
    ['a cross-site request', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' }],
    ['another port', { 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'no-cors' }],
  ])('gets nothing with %s, even with the session', async (_way, headers) => {
    const { status, body } = await call('/api/about', asUser(headers));
    expect(status).toBe(403);
    expect(body).not.toContain('programVersion');
  });

  test('cannot make a change with a form', async () => {
    const body = JSON.stringify({ kind: 'reserve', pool: 'docker', device: 'x' });
    const form = { method: 'POST', body, headers: { Cookie: session.Cookie, 'Content-Type': 'text/plain' } };
    expect((await call('/api/act', form)).status).toBe(401);
    expect((await call('/api/act?kind=reserve&pool=docker&device=x', asUser())).status).toBe(405);
    expect(await ledger.current.sql(`select from rock_mac.addresses where state = 'reserved'`)).toEqual([]);
  });
});

test('every response forbids inline scripts, frames and other hosts', async () => {
  for (const path of ['/', '/main.js', '/api/about', '/nothing']) {
    const { headers } = await call(path, asUser());
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['referrer-policy']).toBe('no-referrer');
  }
});

describe('a value beyond its limit is refused with the field', () => {
  test.each([
    ['/api/map?first=a4:58:0f:05:00:00&count=65537', 'count'],
    ['/api/map?first=ff:ff:ff:ff:ff:ff&count=1', 'first'],
    [`/api/search?q=${'a'.repeat(201)}`, 'q'],
    ['/api/search?q=a&limit=201', 'limit'],
    ['/api/audit?limit=1001', 'limit'],
    ['/api/history?pool=docker&days=100000', 'days'],
    ["/api/history?pool=docker'--", 'pool'],
    ['/api/about?more=1', 'more'],
  ])('%s', async (path, field) => {
    const { status, body } = await call(path, asUser());
    expect(status).toBe(400);
    expect(body).toContain(field);
  });

  test('a body', async () => {
    const headers = { ...session };
    const long = await call('/api/act', {
      method: 'POST',
      headers,
      body: JSON.stringify({ kind: 'x'.repeat(20_000) }),
    });
    expect(long).toMatchObject({ status: 400 });
    const hidden = JSON.stringify({ kind: 'reserve', pool: 'docker', device: 'a\u202Eb' });
    expect(await call('/api/plan', { method: 'POST', headers, body: hidden })).toMatchObject({ status: 400 });
  });
});

test('an action is done only as it was shown', async () => {
  const headers = { ...session, Origin: served.origin };
  const action = { kind: 'reserve', pool: 'docker', mac: 'A458.0F04.0007', device: "it's; rm -rf /" };
  const send = (path: string) => call(path, { method: 'POST', headers, body: JSON.stringify(action) });
  const plan = JSON.parse((await send('/api/plan')).body) as { command: string };
  expect(plan.command).toBe(String.raw`rock-mac reserve -p docker -m a4:58:0f:04:00:07 -d 'it'\''s; rm -rf /'`);
  const done = JSON.parse((await send('/api/act')).body) as { kind: string };
  expect(done.kind).toBe('done');
  const again = JSON.parse((await send('/api/act')).body) as { kind: string; message: string };
  expect(again).toMatchObject({ kind: 'refused' });
});

test('an action is refused if somebody else holds the address by then', async () => {
  const first = await takeAddress(ledger.current, aRequest({ key: 'first', pool: 'docker', device: { id: 'first' } }));
  await release(ledger.current.db, [first], { actor: 'test', reason: 'test' });
  await ledger.current.advance(2 * 3_600);
  const next = aRequest({ key: 'next', pool: 'docker', requested: first.mac, device: { id: 'next' } });
  const second = await takeAddress(ledger.current, next);
  const act = async (kind: string, generation: number) => {
    const body = JSON.stringify({ kind, mac: first.mac, generation, ...(kind === 'release' && { force: false }) });
    const headers = { ...session };
    return JSON.parse((await call('/api/act', { method: 'POST', headers, body })).body) as ActionResult;
  };
  for (const kind of ['renew', 'release']) {
    expect(await act(kind, first.generation)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('has changed') as string,
    });
    expect(await act(kind, second.generation)).toMatchObject({ kind: 'done' });
  }
});

test('no request ends the server', async () => {
  const { port } = new URL(served.origin);
  const lines = [
    'GET // HTTP/1.1',
    'GET http://x/ HTTP/1.1',
    'OPTIONS * HTTP/1.1',
    'BREW /api/about HTTP/9.9',
    '\0\0\0',
  ];
  for (const line of lines) {
    await sendRaw({ port: Number(port), tls: false }, `${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
  }
  expect((await call('/api/about', asUser())).status).toBe(200);
  expect(served.logged).toEqual([]);
});

test('a ledger that answers too late is named with its code and what to do, and is read again when it answers', async () => {
  const paths = ['search?q=web', 'search?q=fedcb', 'map?first=a4:58:0f:05:00:00&count=256', 'pools', 'clusters'];
  const callAll = () => Promise.all(paths.map((path) => call(`/api/${path}`, asUser())));
  await ledger.current.db.transaction(async (locker) => {
    const command = (text: string) => locker.query({ text, values: [], row: z.object({}) });
    await command('lock table rock_mac.addresses in access exclusive mode');
    for (const { status, body } of await callAll()) {
      expect({ status, body }).toEqual({
        status: 503,
        body: expect.stringMatching(
          /"The statement did not .+ check the ledger for load and locks\. \[LEDGER_TIMEOUT\]"/,
        ) as string,
      });
    }
  });
  expect((await callAll()).map(({ status }) => status)).toEqual(paths.map(() => 200));
  expect(served.logged).toEqual([]);
}, 60_000);

test('calls that wait for changes leave room for others', async () => {
  const waiting = Array.from({ length: 40 }, () => call('/api/audit?afterId=999999999', asUser()));
  const refused = await Promise.all(waiting.slice(20));
  expect(refused.map(({ status }) => status)).toContain(429);
  expect((await call('/api/pools', asUser())).status).toBe(200);
  await Promise.allSettled(waiting);
}, 60_000);
