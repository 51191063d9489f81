import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { CALLS } from './calls.ts';
import { createProxyGate, type ProxyUser } from './proxy-gate.ts';
import type { ConsoleData } from './source.ts';

const SECRET = 'a secret that only the proxy knows';

/** The rights of Ada: she may list pools. The group of auditors may list everything. */
function mayRead({ username, groups }: ProxyUser, access: { readonly resource?: string }): boolean {
  return groups.includes('auditors') || (username === 'ada' && access.resource === 'pools');
}

const gate = createProxyGate({
  secret: SECRET,
  userHeader: 'x-forwarded-user',
  groupsHeader: 'x-forwarded-groups',
  data: {} as ConsoleData,
  mayRead: (user, access) => Promise.resolve(mayRead(user, 'resource' in access ? access : {})),
  group: 'ledger.mac.rock-os.io',
});

function requestWith(headers: Readonly<Record<string, string | readonly string[]>>): IncomingMessage {
  const request = new IncomingMessage(new Socket());
  for (const [name, values] of Object.entries(headers)) request.headersDistinct[name] = [values].flat();
  return request;
}

const ADA = { 'x-rock-mac-proxy-secret': SECRET, 'x-forwarded-user': 'ada' };

const fromProxy = (user: string, groups = '') =>
  requestWith({ 'x-rock-mac-proxy-secret': SECRET, 'x-forwarded-user': user, 'x-forwarded-groups': groups });

describe('behind a proxy', () => {
  test('a user gets what the rights of that user allow', async () => {
    expect(await gate.admit(fromProxy('ada'), '/api/pools')).toMatchObject({ ok: true });
    expect(await gate.admit(fromProxy('ada'), '/api/audit')).toMatchObject({ ok: false, status: 403 });
    expect(await gate.admit(fromProxy('bob', 'dev,auditors'), '/api/audit')).toMatchObject({ ok: true });
  });

  test.each([
    ['without the secret', requestWith({ 'x-forwarded-user': 'ada' })],
    ['with another secret', requestWith({ 'x-forwarded-user': 'ada', 'x-rock-mac-proxy-secret': 'guess' })],
    ['without a user', requestWith({ 'x-rock-mac-proxy-secret': SECRET })],
    ['with an empty user', fromProxy('')],
    ['with two users', requestWith({ 'x-rock-mac-proxy-secret': SECRET, 'x-forwarded-user': ['ada', 'root'] })],
    ['with two lists of groups', requestWith({ ...ADA, 'x-forwarded-groups': ['dev', 'auditors'] })],
    ['with a group of the cluster', requestWith({ ...ADA, 'x-forwarded-groups': 'dev, system:masters' })],
    ['with a user of the cluster', fromProxy('system:serviceaccount:kube-system:admin')],
  ])('a request %s is refused', async (_case, request) => {
    expect(await gate.admit(request, '/api/pools')).toMatchObject({ ok: false, status: 401 });
  });

  test('every call reads a resource whose right is checked, or is refused', async () => {
    for (const [path, { method }] of CALLS) {
      const { ok } = await gate.admit(fromProxy('root', 'auditors'), path);
      expect([path, ok]).toEqual([path, method === 'GET']);
      expect(await gate.admit(fromProxy('eve'), path)).toMatchObject({ ok: false, status: 403 });
    }
  });
});
