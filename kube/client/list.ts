import { z } from 'zod';
import { decode, parseResponse } from './decode.ts';
import { isGone, KubeDecodeError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { acceptHeader, type Selection, selectorQuery } from './query.ts';
import type { CallOptions, Requester } from './requester.ts';
import { type Resource, resourcePath } from './resource.ts';

export interface ListOptions<T> extends Selection, CallOptions {
  /** Objects per request. */
  readonly pageSize?: number | undefined;
  /** Objects that do not pass are dropped page by page, so a large list is never in memory as a whole. */
  readonly keep?: ((object: T) => boolean) | undefined;
  /** Returns the copy of an object that the caller already has in memory. The list holds that copy instead. */
  readonly known?: ((object: T) => T | undefined) | undefined;
}

export interface List<T> {
  readonly items: T[];
  /** A watch from this version continues without a gap. */
  readonly resourceVersion: string;
}

/**
 * Smaller than client-go's 500: each page is garbage once it is parsed, and small garbage is collected early
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks).
 */
const DEFAULT_PAGE_SIZE = 100;

/** A continue token expires when etcd compacts its revision, after 5 minutes. A slower list starts again. */
const LIST_ATTEMPTS = 3;

const listBody = z.object({
  kind: z.string().endsWith('List'),
  metadata: z.object({ resourceVersion: z.string().min(1), continue: z.string().optional() }),
  // Go writes an empty list of some kinds as null.
  items: z
    .array(z.unknown())
    .nullable()
    .transform((items) => items ?? []),
});

/** Lists all pages of a consistent (quorum) read. Returns the whole list or throws. */
export async function listAll<T extends KubeObject>(
  requester: Requester,
  resource: Resource<T>,
  options: ListOptions<T>,
): Promise<List<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listPages(requester, resource, options);
    } catch (error) {
      // The continue token expired. The server offers to continue at a newer revision, but then the pages are from
      // different moments, and an object that moved between them may be in neither.
      if (!isGone(error) || attempt >= LIST_ATTEMPTS) throw error;
    }
  }
}

async function listPages<T extends KubeObject>(
  requester: Requester,
  resource: Resource<T>,
  options: ListOptions<T>,
): Promise<List<T>> {
  const items: T[] = [];
  let page: { resourceVersion: string; continue?: string | undefined } | undefined;
  do {
    const call = {
      method: 'GET' as const,
      path: resourcePath(resource, { namespace: options.namespace }),
      resource: resource.plural,
      // A list without a resourceVersion is a consistent read.
      query: {
        ...selectorQuery(options),
        limit: String(options.pageSize ?? DEFAULT_PAGE_SIZE),
        continue: page?.continue,
      },
      accept: acceptHeader(resource, 'PartialObjectMetadataList'),
      options,
    };
    const parsed = listBody.safeParse(parseResponse(call, await requester.send(call)));
    if (!parsed.success) throw new KubeDecodeError(`The response to a list of ${resource.plural} is not a list.`);
    page = parsed.data.metadata;
    for (const raw of parsed.data.items) {
      const object = decode(resource, raw);
      if (options.keep === undefined || options.keep(object)) items.push(options.known?.(object) ?? object);
    }
  } while (page.continue !== undefined && page.continue !== '');
  return { items, resourceVersion: page.resourceVersion };
}
