import { z } from 'zod';
import { MAX_MAP_COUNT } from '../../api/state-map.ts';
import { isVisible } from '../../api/visible-text.ts';
import { type MacAddress, parseMac } from '../../mac/mac-address.ts';
import { UserError } from '../errors.ts';
import { LIMITS } from './limits.ts';

/*
 * What the page sends. The page is ours, but a request may come from anywhere, so each value has a type and a limit.
 */

const macAddress = z
  .string()
  .max(32)
  .transform((text, context): MacAddress => {
    const parsed = parseMac(text);
    if (parsed.ok) return parsed.mac;
    context.addIssue({ code: 'custom', message: 'is not the address of a device' });
    return z.NEVER;
  });
const poolName = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'is not the name of a pool');
const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const name = z.string().min(1).max(512);

/** The token of a link. */
export const sessionBody = z.strictObject({ token: z.string().max(64) });

/** No parameters. */
export const nothing = z.strictObject({});

export const historyQuery = z.strictObject({ pool: poolName, days: integer(1, LIMITS.historyDays).default(30) });

const searchText = z.string().trim().min(1).max(LIMITS.searchCharacters);

export const mapQuery = z.strictObject({
  first: macAddress,
  count: integer(1, MAX_MAP_COUNT),
  q: searchText.optional(),
});

export const searchQuery = z.strictObject({
  q: searchText,
  limit: integer(1, LIMITS.hits).default(20),
});

export const addressQuery = z.strictObject({ mac: macAddress });

export const allowedQuery = z.strictObject({ pool: poolName, mac: macAddress.optional() });

const auditFields = {
  mac: macAddress.optional(),
  device: name.optional(),
  pool: poolName.optional(),
  actor: name.optional(),
  action: z.string().max(64).optional(),
  since: z.iso.datetime().optional(),
};

export const auditQuery = z.strictObject({
  ...auditFields,
  afterId: integer(0, Number.MAX_SAFE_INTEGER).optional(),
  limit: integer(1, LIMITS.auditRows).default(100),
});

export const downloadQuery = z.strictObject({ ...auditFields });

const DURATION_MAX_SECONDS = 3_155_760_000;

/** The owner that the page showed. */
const generation = z.int().min(1);

export const actionBody = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('release'), mac: macAddress, generation, force: z.boolean() }),
  z.strictObject({
    kind: z.literal('renew'),
    mac: macAddress,
    generation,
    seconds: z.int().min(1).max(DURATION_MAX_SECONDS).optional(),
  }),
  z.strictObject({
    kind: z.literal('reserve'),
    pool: poolName,
    mac: macAddress.optional(),
    device: z.string().min(1).max(253).refine(isVisible, 'has characters that nobody sees'),
  }),
  z.strictObject({ kind: z.literal('approve'), pool: poolName, count: z.int().min(1).max(0xffff_ffff) }),
  z.strictObject({ kind: z.literal('pause'), pool: poolName, paused: z.boolean() }),
  z.strictObject({ kind: z.literal('grow'), pool: poolName, last: macAddress }),
]);

/** An action whose addresses are in canonical form. */
export type ParsedAction = z.infer<typeof actionBody>;

/** Returns the parsed value. Throws a UserError that names the field and what is wrong with it. */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new UserError(
    `${field === '' ? 'The request' : field}: ${issue?.message ?? 'is not valid'}.`,
    'Correct it.',
    'usage',
  );
}
