import { mac, type MacAddress } from '../mac/mac-address.ts';
import { prefixBits, type Prefixes, prefixRange } from '../mac/mac-range.ts';
import { DEFAULT_STRATEGY, type PoolStrategy } from './pool-strategy.ts';

/** The prefix of a new ledger unless another one is configured. */
export const DEFAULT_PREFIX = 'a4:58:0f';

/** The pool of workloads whose namespace names no pool. */
export const DEFAULT_WORKLOAD_POOL = 'kubernetes';

/** A pool as the first migration of the ledger creates it. Periods are in seconds. */
export interface PoolDefinition {
  readonly name: string;
  readonly first: MacAddress;
  readonly last: MacAddress;
  readonly description: string;
  /** After this time an unused address is released automatically; `null` means never. */
  readonly autoReleaseSeconds: number | null;
  /** How long a released address is not given to another owner. */
  readonly reuseDelaySeconds: number;
  /** Absent: sequential. */
  readonly strategy?: PoolStrategy | undefined;
}

const HOUR = 3_600;
const DAY = 24 * HOUR;

function pool(
  name: string,
  [first, last]: readonly [string, string],
  [autoReleaseSeconds, reuseDelaySeconds]: readonly [number | null, number],
  description: string,
) {
  return { name, first, last, description, autoReleaseSeconds, reuseDelaySeconds, strategy: DEFAULT_STRATEGY };
}

/** The default pools with the three octets after the prefix. */
const POOLS = [
  pool('production', ['00:00:01', '00:ff:ff'], [null, 7 * DAY], 'Production hosts'),
  pool('development', ['01:00:00', '01:ff:ff'], [7 * DAY, DAY], 'Development VMs'),
  pool('experiment', ['02:00:00', '02:ff:ff'], [DAY, HOUR], 'Short experiments'),
  pool('vultr', ['03:00:00', '03:ff:ff'], [30 * DAY, 7 * DAY], 'Vultr instances'),
  pool('docker', ['04:00:00', '04:ff:ff'], [DAY, HOUR], 'Docker containers'),
  pool('kubernetes', ['05:00:00', '05:ff:ff'], [DAY, HOUR], 'Pods and virtual machines in clusters'),
  pool('reserved', ['ff:00:00', 'ff:ff:ff'], [null, 7 * DAY], 'Addresses held until released by force'),
];

/** Returns the default pools under a prefix of three octets. */
export function defaultPools(prefix: string): PoolDefinition[] {
  return POOLS.map(({ first, last, ...rest }) => ({
    ...rest,
    first: mac(`${prefix}:${first}`),
    last: mac(`${prefix}:${last}`),
  }));
}

/**
 * Returns the default pools of a new ledger. They lie under its first prefix of three octets, or else at the beginning of its
 * first shorter one. Under longer prefixes they do not fit, so there are none.
 */
export function defaultPoolsUnder(prefixes: Prefixes): PoolDefinition[] {
  const home = prefixes.find((each) => prefixBits(each) === 24) ?? prefixes.find((each) => prefixBits(each) < 24);
  return home === undefined ? [] : defaultPools(prefixRange(home).first.slice(0, 8));
}

export const DEFAULT_POOLS: readonly PoolDefinition[] = defaultPools(DEFAULT_PREFIX);
