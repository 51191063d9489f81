import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { guardRequests, parseRequestTarget } from '../../kube/server/guard-requests.ts';
import { listen, type RunningServer } from '../../kube/server/listen.ts';
import { createAnswerCall } from './answer-calls.ts';
import type { Asset, Assets } from './assets.ts';
import type { Gate } from './gate.ts';
import { LIMITS } from './limits.ts';
import { sendText } from './responses.ts';

export interface ConsoleServerOptions {
  /** Creates the gate once the port is known. */
  readonly gate: (port: number) => Gate;
  readonly assets: Assets;
  readonly logger: Pick<Logger, 'error'>;
  readonly host: string;
  /** 0 selects a free port. */
  readonly port: number;
}

/**
 * Headers of every response. Nothing is loaded from elsewhere, no script or style is inline, and no other page may show this
 * one in a frame.
 */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
  'Cache-Control': 'no-store',
} as const;

/** Starts the server of the console. No request ends the process. */
export async function startConsoleServer(options: ConsoleServerOptions): Promise<RunningServer> {
  const { assets, logger, host, port } = options;
  const answerCall = createAnswerCall();
  const running: { gate?: Gate } = {};

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const { gate } = running;
    const target = parseRequestTarget(request.url);
    if (target === undefined || gate === undefined) {
      sendText(response, 400, 'The target of the request is not a path.');
      return;
    }
    const foreign = gate.refuseOrigin(request);
    if (foreign !== undefined) {
      sendText(response, 403, foreign);
      return;
    }
    if (target.pathname.startsWith('/api/')) {
      await answerCall(request, response, target, gate);
      return;
    }
    const asset = assets.get(target.pathname);
    if (asset === undefined) sendText(response, 404, 'There is no such page.');
    else if (request.method !== 'GET' && request.method !== 'HEAD') sendText(response, 405, 'Only GET is possible.');
    else sendAsset(request, response, asset);
  }

  const server = createServer(
    { maxHeaderSize: LIMITS.headerBytes, requestTimeout: LIMITS.requestMs, headersTimeout: LIMITS.requestMs },
    guardRequests(handle, logger),
  );
  server.maxConnections = LIMITS.connections;
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  const listening = await listen(server, { host, port });
  running.gate = options.gate(listening.port);
  return listening;
}

function sendAsset(request: IncomingMessage, response: ServerResponse, { type, body, compressed }: Asset): void {
  const accepts = /\bgzip\b/.test(request.headers['accept-encoding']?.toString() ?? '');
  const sent = accepts ? compressed : body;
  response.writeHead(200, {
    'Content-Type': type,
    'Content-Length': sent.length,
    Vary: 'Accept-Encoding',
    ...(accepts && { 'Content-Encoding': 'gzip' }),
  });
  response.end(request.method === 'HEAD' ? undefined : sent);
}
