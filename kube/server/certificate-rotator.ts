import type { Logger } from 'pino';
import type { KubeClient } from '../client/client.ts';
import { type Secret, secrets } from '../client/core-resources.ts';
import { writeData } from '../client/write-data.ts';
import type { KeyPair } from './certificates.ts';
import {
  CERTIFICATE_PERIODS,
  nextCertificateStep,
  type StoredCertificates,
  takeCertificateStep,
} from './rotation-step.ts';

export interface CertificateRotatorOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly secretName: string;
  readonly dnsNames: readonly string[];
  /** Writes the CA bundle to every object in which the API server reads it. Called at every check. */
  readonly publish: (bundle: string) => Promise<void>;
  readonly logger: Logger;
  readonly now: () => number;
}

export interface CertificateRotator {
  /**
   * Performs the steps of the rotation that are due, publishes the CA bundle and returns the certificate to serve. Any
   * number of replicas may do this at once: the Secret's resourceVersion decides who writes, and the others read the result.
   */
  check(): Promise<KeyPair>;
}

export function createCertificateRotator(options: CertificateRotatorOptions): CertificateRotator {
  const { client, namespace, secretName: name, dnsNames, publish, logger, now } = options;
  const key = { namespace, name };

  return {
    check: async () => {
      let before = await client.find(secrets, key);
      for (;;) {
        const stored = decode(before);
        const step = nextCertificateStep(stored, dnsNames, now(), CERTIFICATE_PERIODS);
        if (step.step === 'none') {
          await publish(stored.bundle);
          return { certificate: stored.servingCertificate, key: stored.servingKey };
        }
        const next = await takeCertificateStep(step, stored, dnsNames, now(), CERTIFICATE_PERIODS);
        const written = await writeData(secrets, { key, before, data: encode(next) }, client);
        if (written !== undefined) logger.info(step, 'performed a step of the certificate rotation');
        before = written ?? (await client.find(secrets, key));
      }
    },
  };
}

/** The field names of kubernetes.io/tls, so that other tools can read the Secret. */
const FIELDS = { bundle: 'ca.crt', caKey: 'ca.key', servingCertificate: 'tls.crt', servingKey: 'tls.key' } as const;
const ADDED_AT = 'ca-added-at';

function decode(secret: Secret | undefined): StoredCertificates {
  const text = (key: string): string => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString('utf8');
  const addedAt = Date.parse(text(ADDED_AT));
  return {
    bundle: text(FIELDS.bundle),
    caKey: text(FIELDS.caKey),
    servingCertificate: text(FIELDS.servingCertificate),
    servingKey: text(FIELDS.servingKey),
    caAddedAt: Number.isNaN(addedAt) ? 0 : addedAt,
  };
}

function encode(stored: StoredCertificates): Record<string, string> {
  const entries = Object.entries(FIELDS).map(([field, key]): [string, string] => [
    key,
    stored[field as keyof typeof FIELDS],
  ]);
  const all = [...entries, [ADDED_AT, new Date(stored.caAddedAt).toISOString()] as const];
  return Object.fromEntries(all.map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
}
