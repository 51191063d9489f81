import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** The subject of a certificate. */
export interface Subject {
  readonly commonName: string;
  /** The groups of a Kubernetes user. */
  readonly organizations?: readonly string[];
  /** The DNS names of a server certificate. Its IP addresses are in `serverAddresses`. */
  readonly serverNames?: readonly string[];
  readonly serverAddresses?: readonly string[];
}

/** A certificate authority (CA). It is valid as long as its control plane. */
export interface Ca extends KeyPair {
  issue(subject: Subject): Promise<KeyPair>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const VALIDITY_MS = 30 * 24 * 3_600_000;
/** The clocks of virtual machines jump, so a certificate that is valid from now on might not be valid yet. */
const CLOCK_SKEW_MS = 24 * 3_600_000;

/** Creates a new CA. */
export async function createCa(commonName: string): Promise<Ca> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...common(),
    name: distinguishedName({ commonName }),
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return loadCa({ certificate: root.toString('pem'), key: await privatePem(keys.privateKey) });
}

/** Loads an existing CA. */
export async function loadCa({ certificate, key }: KeyPair): Promise<Ca> {
  const root = new x509.X509Certificate(certificate);
  const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
  const privateKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
  return { certificate, key, issue: (subject) => issue(root, privateKey, subject) };
}

/** Creates a key pair without a certificate, for signing ServiceAccount tokens. */
export async function createSigningKey(): Promise<{ readonly publicKey: string; readonly key: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const spki = await webcrypto.subtle.exportKey('spki', keys.publicKey);
  return { publicKey: pem('PUBLIC KEY', spki), key: await privatePem(keys.privateKey) };
}

async function issue(root: x509.X509Certificate, rootKey: webcrypto.CryptoKey, subject: Subject): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const names = [
    ...(subject.serverNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(subject.serverAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const usage = names.length > 0 ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(),
    subject: distinguishedName(subject),
    issuer: root.subject,
    signingKey: rootKey,
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      await x509.AuthorityKeyIdentifierExtension.create(root.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await privatePem(keys.privateKey) };
}

function common() {
  return {
    serialNumber: `01${randomBytes(8).toString('hex')}`,
    notBefore: new Date(Date.now() - CLOCK_SKEW_MS),
    notAfter: new Date(Date.now() + VALIDITY_MS),
    signingAlgorithm: algorithm,
  };
}

function distinguishedName(subject: Subject): x509.JsonName {
  return [...(subject.organizations ?? []).map((name) => ({ O: [name] })), { CN: [subject.commonName] }];
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', key));
}

function pem(label: string, content: ArrayBuffer): string {
  const lines =
    Buffer.from(content)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
