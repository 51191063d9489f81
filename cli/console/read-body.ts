import type { IncomingMessage } from 'node:http';
import { parseJson } from '../../api/parse-json.ts';
import { UserError } from '../errors.ts';
import { LIMITS } from './limits.ts';

/** Reads a body as JSON. Throws a UserError if it is too long or no JSON. */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LIMITS.bodyBytes) {
      throw new UserError(
        `The request has more than ${String(LIMITS.bodyBytes)} bytes.`,
        'Send a shorter one.',
        'usage',
      );
    }
    chunks.push(chunk);
  }
  const value = parseJson(Buffer.concat(chunks).toString('utf8'));
  if (value === undefined) throw new UserError('The request is no JSON.', 'Send JSON.', 'usage');
  return value;
}
