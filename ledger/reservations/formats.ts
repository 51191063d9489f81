import { csvQuote } from '../../api/csv-quote.ts';
import { visibleParts } from '../../api/visible-text.ts';
import { isIpv4 } from '../../api/well-known-metadata.ts';
import type { Reservation } from './reservation.ts';

export const EXPORT_FORMATS = ['dnsmasq', 'kea', 'isc', 'ethers', 'hosts', 'libvirt', 'csv', 'json'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface Rendered {
  readonly text: string;
  /** How many reservations the format cannot say. */
  readonly leftOut: number;
}

/**
 * Returns the file for a server. The same reservations always give the same text, without a time or a version, so the file changes
 * only when they do. MAC and IP addresses and host names have no character that could begin a line or a directive. Other texts
 * are only in CSV and JSON, which quote them. Pure.
 */
export function renderReservations(format: ExportFormat, reservations: readonly Reservation[]): Rendered {
  const answers = reservations.map((reservation) => SAY[format](reservation));
  const said = answers.flatMap((answer) => answer ?? []);
  return { text: file(format, said), leftOut: answers.filter((answer) => answer === undefined).length };
}

/** Returns what a format says about a reservation: a line, several, or a value of JSON. Returns `undefined` if it cannot say it. */
type Say = (reservation: Reservation) => string | readonly string[] | object | undefined;

const SAY: Readonly<Record<ExportFormat, Say>> = {
  dnsmasq: dnsmasqHost,
  kea: keaHost,
  isc: iscHost,
  ethers: ethersLine,
  hosts: hostsLines,
  libvirt: libvirtHost,
  csv: csvLine,
  json: (reservation) => reservation,
};

/** What a device must have to be in a file of a format. */
export const NEEDED: Readonly<Record<ExportFormat, string>> = {
  dnsmasq: 'an IP address, or a host name that is no time such as 12h',
  kea: 'an IPv4 address or a host name',
  isc: 'an IPv4 address or a host name',
  ethers: 'an IPv4 address or a host name',
  hosts: 'an IP address and a host name',
  libvirt: 'an IPv4 address',
  csv: 'an IP address or a host name',
  json: 'an IP address or a host name',
};

const COMMENT = 'Written by rock-mac from its ledger. It replaces what is changed here.';

function file(format: ExportFormat, said: readonly unknown[]): string {
  switch (format) {
    case 'kea': // Other programs read it too, and JSON has no comments.
    case 'json':
      return `${JSON.stringify(said, undefined, 2)}\n`;
    case 'csv':
      return lines([CSV_FIELDS.join(','), ...said]);
    case 'libvirt':
      return lines([`<!-- ${COMMENT} -->`, ...said]);
    default:
      return lines([`# ${COMMENT}`, ...said]);
  }
}

function lines(all: readonly unknown[]): string {
  return all.map((line) => `${String(line)}\n`).join('');
}

/**
 * A host name that dnsmasq takes for something else in a line of a host: "infinite" and a number with a unit for the time of a
 * lease, "ignore" for a host that gets nothing. It has no way to quote them (dnsmasq(8), --dhcp-host).
 */
const NOT_A_NAME_FOR_DNSMASQ = /^(?:infinite|ignore|\d+[wdhms]?)$/;

function nameForDnsmasq(hostname: string | undefined): string | undefined {
  return hostname !== undefined && NOT_A_NAME_FOR_DNSMASQ.test(hostname) ? undefined : hostname;
}

/** A line of a --dhcp-hostsfile of dnsmasq(8). A host has one IPv4 address, and any number of IPv6 addresses in brackets. */
function dnsmasqHost({ mac, ips, hostname }: Reservation): string | undefined {
  const name = nameForDnsmasq(hostname);
  const parts = [
    ...firstIpv4(ips),
    ...ips.filter((ip) => !isIpv4(ip)).map((ip) => `[${ip}]`),
    ...(name === undefined ? [] : [name]),
  ];
  return parts.length === 0 ? undefined : [mac, ...parts].join(',');
}

/** A member of `reservations` in the configuration of kea-dhcp4 (Kea Administrator Reference Manual, host reservations in DHCPv4). */
function keaHost({ mac, ips, hostname }: Reservation): object | undefined {
  const [ip] = firstIpv4(ips);
  if (ip === undefined && hostname === undefined) return undefined;
  return { 'hw-address': mac, 'ip-address': ip, hostname };
}

/** A host declaration of dhcpd.conf(5). It may have several IPv4 addresses: dhcpd takes the one of the client's network. */
function iscHost({ mac, ips, hostname }: Reservation): string | undefined {
  const fixed = ips.filter(isIpv4).join(', ');
  if (fixed === '' && hostname === undefined) return undefined;
  const statements = [
    `hardware ethernet ${mac};`,
    ...(fixed === '' ? [] : [`fixed-address ${fixed};`]),
    ...(hostname === undefined ? [] : [`option host-name "${hostname}";`]),
  ];
  // Its own name is unique, and no word of the language. Two interfaces of a machine have the same host name.
  return `host mac-${mac.replaceAll(':', '')} { ${statements.join(' ')} }`;
}

/** A line of ethers(5): one name or IPv4 address. */
function ethersLine({ mac, ips, hostname }: Reservation): string | undefined {
  const [to] = hostname === undefined ? firstIpv4(ips) : [hostname];
  return to === undefined ? undefined : `${mac} ${to}`;
}

/** Lines of hosts(5). */
function hostsLines({ ips, hostname }: Reservation): readonly string[] | undefined {
  return ips.length === 0 || hostname === undefined ? undefined : ips.map((ip) => `${ip} ${hostname}`);
}

/**
 * An element of `<dhcp>` in a network of libvirt (formatnetwork.html), as `virsh net-update … ip-dhcp-host` takes it. libvirt writes its
 * name into a line for dnsmasq.
 */
function libvirtHost({ mac, ips, hostname }: Reservation): string | undefined {
  const [ip] = firstIpv4(ips);
  if (ip === undefined) return undefined;
  const name = nameForDnsmasq(hostname);
  return `<host mac='${mac}'${name === undefined ? '' : ` name='${name}'`} ip='${ip}'/>`;
}

const CSV_FIELDS = ['mac', 'ip', 'hostname', 'device', 'type', 'pool', 'state'] as const;

function csvLine({ mac, ips, hostname = '', device: { id = '', type = '' } = {}, pool, state }: Reservation): string {
  return [mac, ips.join(','), hostname, id, type, pool, state].map(csvCell).join(',');
}

/** Quotes a cell (RFC 4180). A row is always one line, because characters that nobody sees are shown by their code points. */
function csvCell(value: string): string {
  return csvQuote(
    visibleParts(value)
      .map((part) => part.text)
      .join(''),
  );
}

/** DHCP gives a device one IPv4 address. The user has named the most important one first. */
function firstIpv4(ips: readonly string[]): readonly string[] {
  return ips.filter(isIpv4).slice(0, 1);
}
