import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { KubeDecodeError } from './errors.ts';
import { formatKey, type KubeObject } from './objects.ts';
import type { Resource } from './resource.ts';

const identity = z.object({ metadata: z.object({ namespace: z.string().optional(), name: z.string() }) });

/**
 * Parses an object by the schema of its resource.
 *
 * @throws KubeDecodeError that names the object and the fields but quotes no value, which may come from a Secret
 */
export function decode<T extends KubeObject>(resource: Resource<T>, raw: unknown): T {
  const parsed = resource.schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const found = identity.safeParse(raw);
  const name = found.success ? formatKey(found.data.metadata) : '(no name)';
  throw new KubeDecodeError(`${resource.kind} ${name} does not match its schema: ${z.prettifyError(parsed.error)}`);
}

/** @throws KubeDecodeError that does not quote the text */
export function parseResponse(request: { readonly method: string; readonly path: string }, text: string): unknown {
  const parsed = parseJson(text);
  if (parsed === undefined) throw new KubeDecodeError(`The response to ${request.method} ${request.path} is not JSON.`);
  return parsed;
}
