import { z } from 'zod';
import { storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';
import { requireValid } from './validate.ts';

const requestSchema = z.object({ key: storableText(600), username: storableText(1024) });

/** Records who requested the deletion of a claim (`claimKey`), so the audit can name them at its release. */
export async function requestRelease(
  db: Queryable,
  request: { readonly key: string; readonly username: string },
): Promise<void> {
  requireValid(requestSchema, request, 'The release request');
  await db.query({
    text: `select from rock_mac.request_release($1, $2)`,
    values: [request.key, request.username],
    row: z.object({}),
  });
}
