import { LEDGER_API_SERVICE, READ_API_SECRET, WEBHOOK_CONFIGURATION, WEBHOOK_SECRET } from '../../api/names.ts';
import { apiServices, secrets } from '../../kube/client/core-resources.ts';
import { isForbidden } from '../../kube/client/errors.ts';
import { certificateFindings } from '../doctor/certificate-findings.ts';
import { type Finding } from '../doctor/finding.ts';
import { webhookConfigurations } from './doctor-resources.ts';
import type { Scope } from './scope.ts';

/** Examines the certificate of the webhook, and what the API server trusts. */
export async function webhookCertificate({ client }: Pick<Scope, 'client'>): Promise<Finding[]> {
  const { webhooks } = await client.get(webhookConfigurations, { name: WEBHOOK_CONFIGURATION });
  const bundles = webhooks.map(({ clientConfig }) => decode(clientConfig.caBundle));
  const service = webhooks.find(({ clientConfig }) => clientConfig.service !== undefined)?.clientConfig.service;
  const serving = service && (await servingCertificate({ ...service, name: WEBHOOK_SECRET }, client));
  return certificateFindings({ who: 'webhook', dnsName: dnsNameOf(service), bundles, serving }, new Date());
}

/** Examines the certificate of the read API. There is nothing to examine where it is not installed. */
export async function readApiCertificate({ client }: Pick<Scope, 'client'>): Promise<Finding[]> {
  const found = await client.find(apiServices, { name: LEDGER_API_SERVICE });
  if (found === undefined) return [];
  const { service, caBundle } = found.spec;
  const serving = service && (await servingCertificate({ ...service, name: READ_API_SECRET }, client));
  const served = { who: 'read API', dnsName: dnsNameOf(service), bundles: [decode(caBundle)], serving };
  return certificateFindings(served, new Date());
}

function decode(caBundle: string | undefined): string {
  return Buffer.from(caBundle ?? '', 'base64').toString();
}

interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
}

function dnsNameOf(service: ServiceRef | undefined): string {
  return service === undefined ? '' : `${service.name}.${service.namespace}.svc`;
}

/** Reads the certificate of a Secret. Returns `undefined` if this user may not read Secrets, which only administrators may. */
async function servingCertificate(
  { namespace, name }: ServiceRef,
  client: Scope['client'],
): Promise<string | undefined> {
  try {
    const secret = await client.find(secrets, { namespace, name });
    return decode(secret?.data?.['tls.crt']);
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}
