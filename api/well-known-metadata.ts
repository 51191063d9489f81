/**
 * The two keys of metadata that rock-mac understands: which IP addresses and which name a device has under its MAC address. `export`
 * writes them for DHCP servers and host files. Everything else in metadata is free. docs/adr/0027 says why they are no columns.
 */
export const WELL_KNOWN_KEYS = ['ip', 'hostname'] as const;

type WellKnownKey = (typeof WELL_KNOWN_KEYS)[number];

export type Metadata = Readonly<Record<string, unknown>>;

/** What is wrong with a value, and how a right one looks. */
export interface MetadataProblem {
  readonly key: WellKnownKey;
  readonly cause: string;
  readonly next: string;
}

export type CanonicalMetadata =
  { readonly ok: true; readonly metadata: Metadata } | { readonly ok: false; readonly problem: MetadataProblem };

/** More addresses of one device are a mistake. */
export const MAX_IPS = 16;

const CANONICAL: Readonly<Record<WellKnownKey, (value: unknown) => string | undefined>> = {
  ip: (value) => canonicalIps(value)?.join(','),
  hostname: (value) => (typeof value === 'string' ? canonicalHostname(value) : undefined),
};

const NEXT_STEPS: Readonly<Record<WellKnownKey, string>> = {
  ip: `Give up to ${String(MAX_IPS)} unicast IPv4 or IPv6 addresses, separated by commas, such as 192.0.2.7,2001:db8::7.`,
  hostname: 'Give letters, digits and dashes, with dots between labels, such as web-1 or web-1.example.org.',
};

/** Returns metadata with `ip` and `hostname` in their only notation, or what is wrong with one of them. Pure. */
export function canonicalMetadata(metadata: Metadata): CanonicalMetadata {
  const canonical: Record<string, unknown> = { ...metadata };
  for (const key of WELL_KNOWN_KEYS) {
    if (!Object.hasOwn(metadata, key)) continue;
    const value = CANONICAL[key](metadata[key]);
    if (value === undefined) {
      const cause = `The ${key} ${JSON.stringify(metadata[key])} is not valid.`;
      return { ok: false, problem: { key, cause, next: NEXT_STEPS[key] } };
    }
    canonical[key] = value;
  }
  return { ok: true, metadata: canonical };
}

/** Returns the IP addresses in metadata. There are none if its value is not valid, which older rows may have. */
export function ipsOf(metadata: Metadata): readonly string[] {
  return canonicalIps(metadata['ip']) ?? [];
}

/** Returns the host name in metadata, or `undefined` if there is none or it is not valid. */
export function hostnameOf(metadata: Metadata): string | undefined {
  return CANONICAL.hostname(metadata['hostname']);
}

/** Returns metadata without the keys whose values are valid. */
export function otherMetadata(metadata: Metadata): Metadata {
  const isShownElsewhere = (key: string) => WELL_KNOWN_KEYS.some((known) => known === key && isValid(known, metadata));
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !isShownElsewhere(key)));
}

function isValid(key: WellKnownKey, metadata: Metadata): boolean {
  return CANONICAL[key](metadata[key]) !== undefined;
}

/** Accepts a text with commas, or a list of texts, as JSON has them. Keeps their order, because the first one counts for DHCP. */
function canonicalIps(value: unknown): readonly string[] | undefined {
  const texts = typeof value === 'string' ? value.split(',') : value;
  if (!Array.isArray(texts) || texts.length === 0) return undefined;
  const ips = texts.map((text) => (typeof text === 'string' ? canonicalIp(text.trim()) : undefined));
  const valid = [...new Set(ips.filter((ip) => ip !== undefined))];
  return ips.includes(undefined) || valid.length > MAX_IPS ? undefined : valid;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Returns a global unicast address in its only notation: dotted decimal, or RFC 5952. Go calls the same addresses so (isGlobalUnicast). */
export function canonicalIp(text: string): string | undefined {
  if (IPV4.test(text))
    return /^(?:0\.0\.0\.0$|127\.|169\.254\.|2(?:2[4-9]|3\d)\.|255\.255\.255\.255$)/.test(text) ? undefined : text;
  // The parser for URLs knows all notations of IPv6, and is strict. Without the check, `]` would end the address early.
  const url = `http://[${text}]/`;
  if (!/^[0-9a-f:.]+$/i.test(text) || !URL.canParse(url)) return undefined;
  const ip = new URL(url).hostname.slice(1, -1);
  return /^(?:::1?$|::ffff:|fe[89ab].:|ff..:)/.test(ip) ? undefined : ip;
}

export function isIpv4(ip: string): boolean {
  return !ip.includes(':');
}

const LABEL = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const HOSTNAME = `^${LABEL}([.]${LABEL})*$`;
const MAX_HOSTNAME = 253;

/** RFC 1123, 2.1: the last label of a name is not a number, so no name looks like an IPv4 address. */
const NUMBER_AT_END = '(^|[.])[0-9]+$';

/** Returns a host name in lower case, because the case of a letter means nothing to DNS. */
function canonicalHostname(text: string): string | undefined {
  const name = text.trim();
  const isName =
    name.length <= MAX_HOSTNAME && new RegExp(HOSTNAME).test(name) && !new RegExp(NUMBER_AT_END).test(name);
  return isName ? name.toLowerCase() : undefined;
}

/** The same for the attributes of a claim, as rules in CEL. They allow what `canonicalMetadata` does, except spaces. */
export const WELL_KNOWN_IN_CEL = [
  {
    rule: `!('ip' in self) || (self['ip'].split(',').size() <= ${String(MAX_IPS)} && self['ip'].split(',').all(address, isIP(address) && ip(address).isGlobalUnicast()))`,
    message: `the attribute ip is up to ${String(MAX_IPS)} unicast IPv4 or IPv6 addresses with commas, such as 192.0.2.7,2001:db8::7`,
  },
  {
    rule: `!('hostname' in self) || (self['hostname'].size() <= ${String(MAX_HOSTNAME)} && self['hostname'].matches('${HOSTNAME}') && !self['hostname'].matches('${NUMBER_AT_END}'))`,
    message:
      'the attribute hostname has letters, digits and dashes, with dots between labels, such as web-1.example.org',
  },
] as const;
