import { expect, test } from 'vitest';
import { hideSecrets, hideSecretsInText } from './hide-secrets.ts';

const SECRET = 'S3cr3t-planted';
const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0.c2lnbmF0dXJl';

test.each([
  `postgresql://ada:${SECRET}@db.example.com/rock_mac?sslmode=verify-full`,
  `postgresql://db.example.com/rock_mac?user=ada&password=${SECRET}`,
  `https://${SECRET}@registry.example.com/`,
  `password=${SECRET} host=db`,
  `{"PGPASSWORD":"${SECRET}"}`,
  `token: ${SECRET}`,
  `Authorization: Bearer ${SECRET}`,
  `authorization: basic ${SECRET}`,
  `the token ${JWT} of ${SECRET.slice(0, 0)}a pod`,
  `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----`,
  `-----BEGIN EC PRIVATE KEY-----\n${SECRET} and cut`,
  `LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t${SECRET.replace('-', '+')}`,
  `host=db password='with a space ${SECRET}' dbname=x`,
  `{"password": "with a space ${SECRET}"}`,
  `body: "{\\"token\\":\\"${SECRET}\\"}"`,
  `rock-mac --password ${SECRET}`,
  `AWS_SECRET_ACCESS_KEY=${SECRET}`,
  `api_key: ${SECRET}`,
  `passphrase=${SECRET}`,
  `Set-Cookie: session=${SECRET}`,
  `Proxy-Authorization: Digest ${SECRET}`,
])('no secret is left in %j', (text) => {
  const hidden = hideSecretsInText(text);
  for (const secret of [SECRET, SECRET.replace('-', '+'), JWT]) expect(hidden).not.toContain(secret);
  expect(hidden).not.toBe(text);
});

test.each([
  'postgresql://db.example.com:5432/rock_mac: password authentication failed for a4:58:0f:00:00:01',
  'rock-mac dashboard --proxy-secret-file /etc/rock-mac/proxy',
  'the secret of the proxy is missing',
])('a text without a secret stays as it is: %s', (text) => {
  expect(hideSecretsInText(text)).toBe(text);
});

test('fields that are secret are removed at every depth, and those that only name the place of a secret stay', () => {
  const annotations = { 'mac.rock-os.io/stock-token': SECRET, 'mac.rock-os.io/addresses': '[]' };
  const value = {
    items: [{ metadata: { annotations }, data: { 'ca.key': SECRET, password: SECRET }, caBundle: SECRET }],
    passwordFile: '/etc/rock-mac/ledger/password',
    count: 3,
    at: new Date(0),
  };
  const hidden = hideSecrets(value);
  expect(JSON.stringify(hidden)).not.toContain(SECRET);
  expect(hidden).toMatchObject({
    items: [{ metadata: { annotations: { 'mac.rock-os.io/addresses': '[]' } } }],
    passwordFile: '/etc/rock-mac/ledger/password',
    count: 3,
    at: '1970-01-01T00:00:00.000Z',
  });
});

test.each([
  [{ env: [{ name: 'ROCK_MAC_SOME_TOKEN', value: SECRET }] }],
  [{ args: ['dashboard', '--token', SECRET] }],
  [{ credentials: { user: { first: SECRET } } }],
  [{ tokens: [SECRET] }],
  [{ apiKey: SECRET, pwd: SECRET, auth: SECRET }],
])('no secret is left in %j, whose name is elsewhere', (value) => {
  expect(JSON.stringify(hideSecrets(value))).not.toContain(SECRET);
});
