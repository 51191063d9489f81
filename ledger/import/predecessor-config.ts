import { parse } from 'yaml';
import { z } from 'zod';
import { DEFAULT_POOLS, DEFAULT_PREFIX, type PoolDefinition } from '../../api/default-pools.ts';
import { DEFAULT_STRATEGY, POOL_STRATEGIES } from '../../api/pool-strategy.ts';
import { type MacAddress, macToNumber, numberToMac, parseAnyMac } from '../../mac/mac-address.ts';
import { type MacPrefix, parsePrefix, prefixRange } from '../../mac/mac-range.ts';
import { LedgerError, messageOf } from '../errors.ts';

/** The settings of the predecessor's configuration file that still have an effect. */
export interface LegacyConfig {
  readonly prefix: MacPrefix;
  /** Path of its SQLite file, for `import`. May begin with `~`. */
  readonly databasePath: string | undefined;
  readonly pools: readonly PoolDefinition[];
  /** The first addresses of each pool, which are set aside for manual use. */
  readonly keptBack: readonly MacAddress[];
  /** One sentence for each key without effect. */
  readonly warnings: readonly string[];
}

/** Keys that are read. `*` stands for any name. */
const KEYS_READ: readonly string[] = [
  'prefix',
  'database.path',
  'allocation.reserve_first',
  'pools.*.range',
  'pools.*.description',
  'pools.*.auto_release_days',
];

/** Values that match what the ledger does. Other values have no effect and are reported. */
const KNOWN_VALUES: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  ['allocation.mode', POOL_STRATEGIES],
  ['allocation.allow_reuse', [true]],
  ['allocation.max_address', ['ff:ff:ff']],
]);

const poolSchema = z.object({
  range: z.string(),
  description: z.string().default(''),
  auto_release_days: z.number().min(0).default(0),
});

const fileSchema = z.object({
  mac_dispenser: z.object({
    prefix: z.string().default(DEFAULT_PREFIX),
    database: z.object({ path: z.string().optional() }).optional(),
    allocation: z.object({ mode: z.unknown(), reserve_first: z.int().min(0).max(65_536).default(0) }).optional(),
    pools: z.record(z.string(), poolSchema).default({}),
  }),
});

const DAY_SECONDS = 86_400;

/**
 * Reads the predecessor's configuration file. Throws BAD_REQUEST with the reason for an invalid value of a known key.
 */
export function readLegacyConfig(text: string): LegacyConfig {
  const raw = parseYaml(text);
  const parsed = fileSchema.safeParse(raw);
  if (!parsed.success) {
    const what = parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`).join('; ');
    throw invalidFile(`This is not a configuration file of the predecessor: ${what}`);
  }
  const { prefix: prefixText, database, allocation, pools: ranges } = parsed.data.mac_dispenser;
  const prefix = parsePrefix(prefixText);
  if (prefix === undefined)
    throw invalidFile(`prefix ${JSON.stringify(prefixText)} is not the beginning of a MAC address`);
  const strategy = POOL_STRATEGIES.find((each) => each === allocation?.mode) ?? DEFAULT_STRATEGY;
  const pools = Object.entries(ranges).map(([name, pool]) => ({ ...readPool(prefix, name, pool), strategy }));
  const reserveFirst = allocation?.reserve_first ?? 0;
  return {
    prefix,
    databasePath: database?.path,
    pools,
    keptBack: pools.flatMap(({ first, last }) => firstOf(first, last, reserveFirst)),
    warnings: leaves(z.object({ mac_dispenser: z.unknown() }).parse(raw).mac_dispenser).flatMap(([key, value]) =>
      hasEffect(key, value) ? [] : [`${key} has no effect`],
    ),
  };
}

function readPool(
  prefix: MacPrefix,
  name: string,
  { range, description, auto_release_days: days }: z.infer<typeof poolSchema>,
) {
  const [from = '', to = '', ...more] = range.split('-').map((end) => end.trim());
  const first = parseAnyMac(`${prefix}:${from}`);
  const last = parseAnyMac(`${prefix}:${to}`);
  if (first === undefined || last === undefined || more.length > 0 || macToNumber(first) > macToNumber(last)) {
    throw invalidFile(
      `pools.${name}.range: ${JSON.stringify(range)} is not a range such as 01:00:00-01:ff:ff under ${prefix}`,
    );
  }
  const reuseDelaySeconds = DEFAULT_POOLS.find((pool) => pool.name === name)?.reuseDelaySeconds ?? DAY_SECONDS;
  // The first address of a prefix ends in zeroes only and belongs to no pool.
  const start = first === prefixRange(prefix).first ? numberToMac(macToNumber(first) + 1) : first;
  return {
    name,
    first: start,
    last,
    description,
    autoReleaseSeconds: days === 0 ? null : days * DAY_SECONDS,
    reuseDelaySeconds,
  };
}

function firstOf(first: MacAddress, last: MacAddress, count: number): MacAddress[] {
  const length = Math.min(count, macToNumber(last) - macToNumber(first) + 1);
  return Array.from({ length }, (_, index) => numberToMac(macToNumber(first) + index));
}

function hasEffect(key: string, value: unknown): boolean {
  return (
    KNOWN_VALUES.get(key)?.includes(value) ??
    (KEYS_READ.includes(key) || KEYS_READ.includes(key.replace(/^(pools)\.[^.]+\./, '$1.*.')))
  );
}

/** Returns every value of the file with its dotted key. */
function leaves(value: unknown, path: readonly string[] = []): [key: string, value: unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path.join('.'), value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw invalidFile(`This file is not YAML: ${messageOf(error).split('\n')[0] ?? ''}`, error);
  }
}

function invalidFile(what: string, cause?: unknown): LedgerError {
  return new LedgerError('BAD_REQUEST', what, { next: 'Correct the file and try again.', cause });
}
