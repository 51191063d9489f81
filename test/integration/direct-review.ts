import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:https';
import { z } from 'zod';
import type { KeyPair } from '../env/kubernetes/certificates.ts';

/*
 * Reviews that a stranger sends to the port of the webhook. Their user is made up.
 */

const answer = z.object({
  response: z.object({
    allowed: z.boolean(),
    patch: z.string().optional(),
    status: z.object({ code: z.number(), message: z.string() }).optional(),
  }),
});

/** The HTTP status, and the decision if it is 200. */
export interface ReviewResult {
  readonly status: number;
  readonly allowed: boolean;
  readonly message: string;
}

export interface Stranger {
  review(path: string, reviewed: Record<string, unknown>): Promise<ReviewResult>;
}

/** Creates a caller of the webhook's port, without a client certificate or with the given one. */
export function strangerAt(port: number, certificate?: KeyPair): Stranger {
  const client = certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.key };
  const agent = new Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: false, ...client });
  return {
    review: async (path, reviewed) => {
      const { status, text } = await post({ agent, port, path }, formatReview(reviewed));
      if (status !== 200) return { status, allowed: false, message: text };
      const { allowed, status: refusal } = answer.parse(JSON.parse(text)).response;
      return { status, allowed, message: refusal?.message ?? '' };
    },
  };
}

/** Returns the review of a pod's creation by a made-up administrator. */
export function podReview(
  namespace: string,
  { name, macs, annotations }: { name: string; macs: readonly (string | undefined)[]; annotations?: object },
): Record<string, unknown> {
  const networks = JSON.stringify(macs.map((mac) => ({ name: 'n', ...(mac !== undefined && { mac }) })));
  const annotated = {
    'mac.rock-os.io/inject': 'true',
    'k8s.v1.cni.cncf.io/networks': networks,
    ...annotations,
  };
  return {
    kind: { group: '', version: 'v1', kind: 'Pod' },
    namespace,
    name,
    operation: 'CREATE',
    userInfo: { username: 'system:admin', groups: ['system:masters'] },
    object: { apiVersion: 'v1', kind: 'Pod', metadata: { name, annotations: annotated }, spec: {} },
  };
}

/** Returns the review of a claim's deletion by a made-up user. */
export function deletionReview(
  namespace: string,
  { uid, name }: { uid: string; name: string },
  username: string,
): Record<string, unknown> {
  return {
    kind: { group: 'mac.rock-os.io', version: 'v1alpha1', kind: 'MacAllocation' },
    namespace,
    name,
    operation: 'DELETE',
    userInfo: { username },
    oldObject: { metadata: { uid, name, namespace } },
  };
}

function formatReview(reviewed: Record<string, unknown>): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: randomUUID(), ...reviewed },
  });
}

async function post(
  to: { agent: Agent; port: number; path: string },
  body: string,
): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const sent = request({ ...to, host: '127.0.0.1', method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
