import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCa, createSigningKey } from './certificates.ts';

describe('a CA', () => {
  it('issues a client certificate that names user and groups', async () => {
    const authority = await createCa('test authority');
    const pair = await authority.issue({ commonName: 'alice', organizations: ['developers', 'system:masters'] });
    const certificate = new X509Certificate(pair.certificate);
    expect(certificate.subject.split('\n')).toEqual(['O=developers', 'O=system:masters', 'CN=alice']);
    expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
  });

  it('issues a server certificate that a client with this CA accepts', async () => {
    const authority = await createCa('test authority');
    const pair = await authority.issue({
      commonName: 'server',
      serverNames: ['webhook.test.svc'],
      serverAddresses: ['127.0.0.1'],
    });
    const server = createServer({ cert: pair.certificate, key: pair.key }, (socket) => socket.end());
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    for (const servername of ['webhook.test.svc', '']) {
      const client = connect({ host: '127.0.0.1', port, servername, ca: authority.certificate });
      await new Promise<void>((resolve, reject) => client.once('secureConnect', resolve).once('error', reject));
      expect(client.authorized).toBe(true);
      client.destroy();
    }
  });

  it('does not verify certificates of another CA', async () => {
    const [one, other] = await Promise.all([createCa('one'), createCa('one')]);
    const pair = await one.issue({ commonName: 'alice' });
    expect(new X509Certificate(pair.certificate).verify(new X509Certificate(other.certificate).publicKey)).toBe(false);
  });
});

describe('a signing key', () => {
  it('includes its public key', async () => {
    const { key, publicKey } = await createSigningKey();
    const derived = createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'pem' });
    expect(derived).toBe(publicKey);
  });
});
