import { parseMac } from '../../mac/mac-address.ts';

/** The filter of the audit as people write it; the address of the page has it. */
export type Filter = Readonly<Record<string, string>>;

/** The periods to choose from, in seconds. */
export const PERIODS: readonly { readonly value: string; readonly label: string; readonly seconds: number }[] = [
  { value: '1h', label: 'last hour', seconds: 3_600 },
  { value: '24h', label: 'last 24 hours', seconds: 86_400 },
  { value: '7d', label: 'last 7 days', seconds: 604_800 },
  { value: '30d', label: 'last 30 days', seconds: 2_592_000 },
];

/** Returns the query of the server: what looks like an address is one, anything else is a device. */
export function auditQueryOf(filter: Filter, now: Date): Record<string, string | undefined> {
  const { target = '', pool, action, actor, since } = filter;
  const parsed = parseMac(target);
  const period = PERIODS.find(({ value }) => value === since);
  return {
    mac: parsed.ok ? parsed.mac : undefined,
    device: parsed.ok || target === '' ? undefined : target,
    pool,
    action,
    actor,
    since: period === undefined ? undefined : new Date(now.getTime() - period.seconds * 1_000).toISOString(),
  };
}
