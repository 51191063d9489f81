import { isIP } from 'node:net';
import {
  type FileNote,
  type FoundAddress,
  hostnameOf,
  otherFile,
  type ParsedFile,
  presentValues,
} from './parsed-file.ts';

/*
 * Lines `dhcp-host=…` of dnsmasq's configuration, lines of a `dhcp-hostsfile` (the same without `dhcp-host=`), and lines of /etc/ethers
 * (https://thekelleys.org.uk/dnsmasq/docs/dnsmasq-man.html under --dhcp-host, --dhcp-hostsfile and --read-ethers;
 * https://man7.org/linux/man-pages/man5/ethers.5.html). The parts of a dhcp-host may have any order: what a part is, shows in its form.
 */

/**
 * A hardware address, with bytes of one digit as dnsmasq reads them, or with wildcards. `06-` before it is the type of the network. Without
 * any colon it is a name for dnsmasq.
 */
const HARDWARE = /^(?=.*:)(?:[0-9a-f]{1,2}-(?=.*:))?((?:[0-9a-f]{1,2}|\*)(?:[:-](?:[0-9a-f]{1,2}|\*)){5})$/i;
const LEASE_TIME = /^(?:\d+ *[smhdw]?|infinite)$/i;
const ETHERS = /^([0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5})\s+([^\s,]+)$/i;

export function parseDnsmasq(text: string): ParsedFile {
  const found: FoundAddress[] = [];
  const notes: FileNote[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  let isEmpty = true;
  for (const [index, raw] of lines.entries()) {
    const host = hostOf(raw);
    if (host === undefined) continue;
    isEmpty = false;
    const line = index + 1;
    const read = readHost(host);
    if (typeof read === 'string') notes.push({ line, text: read });
    else found.push(...read.map((each) => ({ line, ...each })));
  }
  if (isEmpty) return otherFile('there is no dhcp-host line, and none of a dhcp-hostsfile or of /etc/ethers');
  return { ok: true, found, notes };
}

/** Returns what a line says about a host, or `undefined` for comments and for other options. */
function hostOf(raw: string): string | undefined {
  // As dnsmasq does: a comment begins at the start of a line or after a space.
  const line = raw.replace(/(?:^|\s)#.*$/s, '').trim();
  const option = /^(?:--)?([a-z][a-z0-9-]*)\s*(?:=\s*(.*))?$/s.exec(line);
  if (option?.[1] === 'dhcp-host') return option[2]?.replaceAll('"', '');
  if (line === '' || option?.[2] !== undefined) return undefined;
  return line.includes(',') || ETHERS.test(line) ? line.replaceAll('"', '') : undefined;
}

/** Returns the addresses of a host, or why it has none. */
function readHost(host: string): Omit<FoundAddress, 'line'>[] | string {
  const ethers = ETHERS.exec(host);
  const kinds =
    ethers === null
      ? host.split(',').map((part) => kindOf(part.trim()))
      : ethers.slice(1).map((part) => kindInEthers(part));
  const of = (wanted: PartKind) => kinds.filter(({ kind }) => kind === wanted).map(({ value }) => value);
  const macs = of('mac');
  if (macs.length === 0) return `there is no hardware address in ${JSON.stringify(host)}`;
  const wildcard = macs.find((mac) => mac.includes('*'));
  if (wildcard !== undefined) return `${wildcard} stands for many addresses`;
  const [hostname] = of('name');
  const ignored = of('ignore').length > 0 ? true : undefined;
  const metadata = presentValues({ ip: of('ip'), hostname: hostnameOf(hostname), tags: of('tag').join(','), ignored });
  return macs.map((mac) => ({ mac: paddedMac(mac), device: hostname, defaultType: 'host', metadata }));
}

type PartKind = 'mac' | 'tag' | 'ip' | 'ignore' | 'name' | 'other';

/** Returns what a part of a host is, and its value. */
function kindOf(part: string): { readonly kind: PartKind; readonly value: string } {
  const mac = HARDWARE.exec(part)?.[1];
  if (mac !== undefined) return { kind: 'mac', value: mac };
  const tag = /^(?:set|tag|net):(.*)$/i.exec(part)?.[1];
  if (tag !== undefined) return { kind: 'tag', value: tag };
  // Also a client id, and an IPv6 address whose network the server adds.
  if (/^(?:$|id:|\[::)/i.test(part) || LEASE_TIME.test(part)) return { kind: 'other', value: part };
  const ip = /^\[(.*?)(?:\/\d+)?\]$/.exec(part)?.[1] ?? part;
  if (isIP(ip) !== 0) return { kind: 'ip', value: ip };
  return { kind: /^ignore$/i.test(part) ? 'ignore' : 'name', value: part };
}

/** Returns what a part of a line of /etc/ethers is. `ignore` and `12h` are names there. */
function kindInEthers(part: string): { readonly kind: PartKind; readonly value: string } {
  const { kind, value } = kindOf(part);
  return { kind: kind === 'mac' || kind === 'ip' ? kind : 'name', value };
}

/** Returns an address whose bytes have two digits and colons between them. */
function paddedMac(mac: string): string {
  return mac
    .split(/[:-]/)
    .map((byte) => byte.padStart(2, '0'))
    .join(':');
}
