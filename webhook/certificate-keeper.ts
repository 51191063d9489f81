import { WEBHOOK_CONFIGURATION } from '../api/names.ts';
import type { KubeClient } from '../kube/client.ts';
import {
  mutatingWebhookConfigurations,
  secrets,
  validatingWebhookConfigurations,
  type Secret,
  type WebhookConfiguration,
} from '../kube/core-resources.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts';
import type { Resource } from '../kube/resource.ts';
import type { Logger } from 'pino';
import {
  CERTIFICATE_PERIODS,
  nextCertificateStep,
  takeCertificateStep,
  type CertificatePeriods,
  type StoredCertificates,
} from './certificate-plan.ts';
import type { KeyPair } from './certificates.ts';

export interface CertificateKeeperOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly secretName: string;
  readonly dnsNames: readonly string[];
  readonly logger: Logger;
  readonly now: () => number;
  readonly periods?: CertificatePeriods;
}

export interface CertificateKeeper {
  /**
   * One look: takes the next steps of the rotation, publishes the authorities to the API server, and answers the
   * certificate to serve. Any number of replicas may do it at once: the Secret's resourceVersion decides who wrote, and
   * the others read what that one wrote.
   */
  look(): Promise<KeyPair>;
}

export function createCertificateKeeper(options: CertificateKeeperOptions): CertificateKeeper {
  const { client, namespace, secretName: name, dnsNames, logger, now, periods = CERTIFICATE_PERIODS } = options;

  async function read(): Promise<Secret | undefined> {
    try {
      return await client.get(secrets, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** `undefined` where another replica was faster. */
  async function write(before: Secret | undefined, stored: StoredCertificates): Promise<Secret | undefined> {
    const data = encode(stored);
    try {
      if (before === undefined) {
        return await client.create(secrets, { metadata: { name, namespace }, type: 'Opaque', data });
      }
      return await client.update(secrets, { ...before, data });
    } catch (error) {
      if (isConflict(error) || isAlreadyExists(error)) return undefined;
      throw error;
    }
  }

  async function readConfiguration(
    resource: Resource<WebhookConfiguration>,
  ): Promise<WebhookConfiguration | undefined> {
    try {
      return await client.get(resource, { name: WEBHOOK_CONFIGURATION });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function publish(bundle: string): Promise<void> {
    await publishInto(mutatingWebhookConfigurations, bundle);
    await publishInto(validatingWebhookConfigurations, bundle);
  }

  async function publishInto(resource: Resource<WebhookConfiguration>, bundle: string): Promise<void> {
    const caBundle = Buffer.from(bundle).toString('base64');
    const configuration = await readConfiguration(resource);
    if (configuration === undefined) {
      logger.warn({ kind: resource.kind, name: WEBHOOK_CONFIGURATION }, 'nothing to publish the authority into');
      return;
    }
    const { resourceVersion } = configuration.metadata;
    const stale = configuration.webhooks.flatMap((webhook, index) =>
      webhook.clientConfig.caBundle === caBundle ? [] : [`/webhooks/${String(index)}/clientConfig/caBundle`],
    );
    if (stale.length === 0) return;
    await client.patch(
      resource,
      { name: WEBHOOK_CONFIGURATION },
      {
        type: 'json',
        body: [
          { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
          ...stale.map((path) => ({ op: 'add' as const, path, value: caBundle })),
        ],
      },
    );
    logger.info({ kind: resource.kind, name: WEBHOOK_CONFIGURATION }, 'published the certificate authority');
  }

  return {
    look: async () => {
      let secret = await read();
      for (;;) {
        const stored = decode(secret);
        const step = nextCertificateStep(stored, dnsNames, now(), periods);
        if (step.step === 'none') {
          await publish(stored.bundle);
          return { certificate: stored.leaf, key: stored.leafKey };
        }
        const written = await write(secret, await takeCertificateStep(step, stored, dnsNames, now(), periods));
        if (written !== undefined) logger.info(step, 'took a step of the certificate rotation');
        secret = written ?? (await read());
      }
    },
  };
}

/** The names that kubernetes.io/tls uses, so that other tools can read the Secret too. */
const FIELDS = { bundle: 'ca.crt', authorityKey: 'ca.key', leaf: 'tls.crt', leafKey: 'tls.key' } as const;
const ADDED_AT = 'ca-added-at';

function decode(secret: Secret | undefined): StoredCertificates {
  const text = (key: string): string => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString('utf8');
  const addedAt = Date.parse(text(ADDED_AT));
  return {
    bundle: text(FIELDS.bundle),
    authorityKey: text(FIELDS.authorityKey),
    leaf: text(FIELDS.leaf),
    leafKey: text(FIELDS.leafKey),
    authorityAddedAt: Number.isNaN(addedAt) ? 0 : addedAt,
  };
}

function encode(stored: StoredCertificates): Record<string, string> {
  const entries = Object.entries(FIELDS).map(([field, key]): [string, string] => [
    key,
    stored[field as keyof typeof FIELDS],
  ]);
  const all = [...entries, [ADDED_AT, new Date(stored.authorityAddedAt).toISOString()] as const];
  return Object.fromEntries(all.map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
}
