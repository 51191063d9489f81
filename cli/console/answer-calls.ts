import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SessionView } from '../../api/console.ts';
import type { Call, Reply } from './calls.ts';
import { CALLS } from './calls.ts';
import { failureOf } from './failure.ts';
import type { Gate } from './gate.ts';
import { LIMITS } from './limits.ts';
import { parseWith, sessionBody } from './parameters.ts';
import { readJsonBody } from './read-body.ts';
import { sendBytes, sendJson } from './responses.ts';

/** Answers one call of the API. It rejects for a fault of the program, which the caller reports. */
export type AnswerCall = (request: IncomingMessage, response: ServerResponse, target: URL, gate: Gate) => Promise<void>;

/** Exchanges the token of a link. It is the only call that needs no session. */
const SESSION_PATH = '/api/session';

/** Returns what answers calls, as many at once as the limits allow. */
export function createAnswerCall(): AnswerCall {
  let running = 0;
  let waiting = 0;
  return async (request, response, target, gate) => {
    const waits = target.searchParams.has('afterId');
    if (running >= LIMITS.calls || (waits && waiting >= LIMITS.waiting)) {
      fail(response, 429, 'Too many calls run at once. Close some pages of the console.');
      return;
    }
    running++;
    if (waits) waiting++;
    try {
      if (target.pathname === SESSION_PATH) await beginSession(request, response, gate);
      else await answer(request, response, target, gate);
    } catch (error) {
      if (response.destroyed) return; // the page does not wait any more
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      fail(response, failure.status, failure.message);
    } finally {
      running--;
      if (waits) waiting--;
    }
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, target: URL, gate: Gate): Promise<void> {
  const call = CALLS.get(target.pathname);
  if (call === undefined) {
    fail(response, 404, 'There is no such call.');
    return;
  }
  if (request.method !== call.method) {
    fail(response.setHeader('Allow', call.method), 405, `Only ${call.method} is possible.`);
    return;
  }
  const admission = await gate.admit(request, target.pathname);
  if (!admission.ok) {
    fail(response, admission.status, admission.message);
    return;
  }
  const controller = new AbortController();
  response.once('close', () => {
    controller.abort();
  });
  const input = await inputOf(call, request, target);
  send(response, await call.run(admission.source, input, controller.signal));
}

async function beginSession(request: IncomingMessage, response: ServerResponse, gate: Gate): Promise<void> {
  if (request.method !== 'POST') {
    fail(response.setHeader('Allow', 'POST'), 405, 'Only POST is possible.');
    return;
  }
  const { token } = parseWith(sessionBody, await readJsonBody(request));
  const session = gate.begin(token);
  if (session === undefined) {
    fail(response, 401, 'This link was used before. Run the command again, and open its link.');
    return;
  }
  const view: SessionView = { secret: session.secret };
  sendJson(response.setHeader('Set-Cookie', session.cookie), 200, view);
}

async function inputOf({ method }: Call, request: IncomingMessage, target: URL): Promise<unknown> {
  return method === 'POST' ? await readJsonBody(request) : Object.fromEntries(target.searchParams);
}

function send(response: ServerResponse, reply: Reply): void {
  if (reply.kind === 'json') sendJson(response, 200, reply.value);
  else if (reply.kind === 'bytes') sendBytes(response, reply.bytes);
  else {
    const { name, type, text } = reply;
    response
      .writeHead(200, { 'Content-Type': type, 'Content-Disposition': `attachment; filename="${name}"` })
      .end(text);
  }
}

function fail(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { message });
}
