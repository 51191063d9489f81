import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { Logger } from 'pino';
import type { Clock } from '../../time/clock.ts';
import type { KubeClient } from '../client/client.ts';
import {
  type AuthenticationFilter,
  type AuthenticationResult,
  createAuthenticationFilter,
} from './authentication-filter.ts';
import { makeCa, makeServingCertificate } from './certificates.ts';
import { guardRequests, parseRequestTarget } from './guard-requests.ts';
import { listen, type RunningServer } from './listen.ts';

/** The access that a scraper needs. */
const METRICS_ACCESS = { verb: 'get', path: '/metrics' } as const;

/** The certificate is created at start and never renewed, so it must outlive the process. */
const CERTIFICATE_LIFETIME_MS = 10 * 365 * 24 * 60 * 60 * 1_000;

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 selects a free port. */
  readonly port: number;
  /** Reviews the tokens of scrapers. */
  readonly client: Pick<KubeClient, 'raw'>;
  /** The audience of the scrapers' tokens; undefined means that of the API server. */
  readonly audience: string | undefined;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'error'>;
  /** The metrics in the text format of Prometheus, and their content type. */
  readonly registry: { readonly contentType: string; metrics(): Promise<string> };
}

/**
 * Serves /metrics to clients that the API server authorizes. It uses TLS because each request contains a token. The
 * certificate is created at start and not stored: it protects the token but does not authenticate the server, because pods
 * have no name that a scraper could verify.
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<RunningServer> {
  const { client, audience, clock, logger, registry } = options;
  const filter = createAuthenticationFilter({ client, access: METRICS_ACCESS, audience, clock });
  const now = clock.date().getTime();
  const ca = await makeCa(now, CERTIFICATE_LIFETIME_MS);
  const servingPair = await makeServingCertificate(ca, ['localhost'], now, CERTIFICATE_LIFETIME_MS);
  const tls = { cert: servingPair.certificate, key: servingPair.key, minVersion: 'TLSv1.2' } as const;
  const server = createServer(
    tls,
    guardRequests(async (request, response) => {
      const { status, headers, text } = await respond(request, filter, registry);
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
  unauthenticated: textResponse(401, 'send the token of a ServiceAccount as a bearer token', {
    'WWW-Authenticate': 'Bearer',
  }),
  forbidden: textResponse(403, 'bind the ClusterRole rock-mac-metrics-reader to this ServiceAccount'),
  unknown: textResponse(503, 'the API server cannot review the token now, try again'),
};

async function respond(
  { url, headers }: IncomingMessage,
  filter: AuthenticationFilter,
  registry: MetricsServerOptions['registry'],
): Promise<MetricsResponse> {
  const path = parseRequestTarget(url)?.pathname;
  if (path === undefined) return textResponse(400, 'the target of a request must be a path');
  if (path !== METRICS_ACCESS.path) return textResponse(404, 'only /metrics is served');
  const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const result = token === undefined ? 'unauthenticated' : await filter.authenticate(token);
  if (result !== 'allowed') return REFUSALS[result];
  return { status: 200, headers: { 'Content-Type': registry.contentType }, text: await registry.metrics() };
}

function textResponse(status: number, text: string, headers: Readonly<Record<string, string>> = {}): MetricsResponse {
  return { status, headers: { 'Content-Type': 'text/plain', ...headers }, text: `${text}\n` };
}
