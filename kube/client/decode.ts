import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { KubeDecodeError } from './errors.ts';
import { formatKey, type KubeObject } from './objects.ts';
import type { Resource } from './resource.ts';

const identity = z.object({ metadata: z.object({ namespace: z.string().optional(), name: z.string() }) });

/**
 * The border: from here on an object has the shape that its type says.
 *
 * @throws KubeDecodeError that names the object and the fields, but quotes no value: it may be a Secret's
 */
export function decode<T extends KubeObject>(resource: Resource<T>, raw: unknown): T {
  const parsed = resource.schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const who = identity.safeParse(raw);
  const name = who.success ? formatKey(who.data.metadata) : '(no name)';
  throw new KubeDecodeError(`${resource.kind} ${name} is not what we know of it: ${z.prettifyError(parsed.error)}`);
}

/** @throws KubeDecodeError that does not quote the text */
export function parseResponse(request: { readonly method: string; readonly path: string }, text: string): unknown {
  const parsed = parseJson(text);
  if (parsed === undefined) throw new KubeDecodeError(`the answer to ${request.method} ${request.path} is not JSON`);
  return parsed;
}
