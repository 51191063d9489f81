import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { makeCa, makeServingCertificate } from './certificates.ts';
import type { KubeClient } from '../client/client.ts';
import type { Logger } from 'pino';
import type { Clock } from '../time/clock.ts';
import { guardRequests, parseTarget } from './guard-requests.ts';
import { listen, type Listening } from './listen.ts';
import {
  createAuthenticationFilter,
  type AuthenticationResult,
  type AuthenticationFilter,
} from './authentication-filter.ts';

/** What a scraper must have the right to: `get` on this path. */
const METRICS_ACCESS = { verb: 'get', path: '/metrics' } as const;

/** Longer than any process lives. */
const CERTIFICATE_LIFETIME_MS = 10 * 365 * 24 * 60 * 60 * 1_000;

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** The way to the API server, which decides who may read. */
  readonly client: Pick<KubeClient, 'raw'>;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
  /** The metrics in the text format of Prometheus, and their content type. */
  readonly registry: { readonly contentType: string; metrics(): Promise<string> };
}

/**
 * Serves /metrics to whom the API server lets read it. Over TLS, since a token travels with each request; the certificate
 * is made at the start and kept nowhere, so that it hides the token from listeners but does not say who we are. Pods have
 * no name that a scraper could check one for.
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<Listening> {
  const { client, clock, logger, registry } = options;
  const gate = createAuthenticationFilter({ client, access: METRICS_ACCESS, clock });
  const now = clock.date().getTime();
  const ca = await makeCa(now, CERTIFICATE_LIFETIME_MS);
  const servingPair = await makeServingCertificate(ca, ['localhost'], now, CERTIFICATE_LIFETIME_MS);
  const tls = { cert: servingPair.certificate, key: servingPair.key, minVersion: 'TLSv1.2' } as const;
  const server = createServer(
    tls,
    guardRequests(async (request, response) => {
      const { status, headers, text } = await answer(request, gate, registry);
      response.writeHead(status, headers).end(text);
    }, logger),
  );
  return await listen(server, options);
}

interface MetricsResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

const REFUSALS: Readonly<Record<Exclude<AuthenticationResult, 'allowed'>, MetricsResponse>> = {
  unauthenticated: refusal(401, 'send the token of a ServiceAccount as a bearer token', {
    'WWW-Authenticate': 'Bearer',
  }),
  forbidden: refusal(403, 'bind the ClusterRole rock-mac-metrics-reader to this ServiceAccount'),
  unknown: refusal(503, 'the API server could not be asked who this is, try again'),
};

async function answer(
  { url, headers }: IncomingMessage,
  gate: AuthenticationFilter,
  registry: MetricsServerOptions['registry'],
): Promise<MetricsResponse> {
  const path = parseTarget(url)?.pathname;
  if (path === undefined) return refusal(400, 'the target of a request must be a path');
  if (path !== METRICS_ACCESS.path) return refusal(404, 'there is /metrics');
  const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const verdict = token === undefined ? 'unauthenticated' : await gate.authenticate(token);
  if (verdict !== 'allowed') return REFUSALS[verdict];
  return { status: 200, headers: { 'Content-Type': registry.contentType }, text: await registry.metrics() };
}

function refusal(status: number, text: string, headers: Readonly<Record<string, string>> = {}): MetricsResponse {
  return { status, headers: { 'Content-Type': 'text/plain', ...headers }, text: `${text}\n` };
}
