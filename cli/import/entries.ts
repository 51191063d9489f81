import { isVisible, isVisibleJson } from '../../api/visible-text.ts';
import { canonicalMetadata, ipsOf } from '../../api/well-known-metadata.ts';
import { type MacAddress, type MacRefusal, macToNumber, parseMac } from '../../mac/mac-address.ts';
import { type Conflict, type ConflictKind, type Place, placeText } from './conflicts.ts';
import type { FoundAddress } from './parsed-file.ts';

/** An address of the files with its device, validated and once only. */
export interface ImportEntry {
  /** Where the file first names it. */
  readonly place: Place;
  readonly mac: MacAddress;
  readonly deviceId: string;
  readonly deviceType: string | undefined;
  readonly defaultType: string;
  /** The pool that the file or the command names. */
  readonly pool: string | undefined;
  /** Held until somebody releases it, also without `--reserved`. */
  readonly reserved?: boolean | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What the command says about all devices of the files. */
export interface EntrySettings {
  /** The type of devices whose type no file names. */
  readonly type?: string | undefined;
  readonly pool?: string | undefined;
  /** Comes before the names of devices, so that those of two hosts differ. */
  readonly devicePrefix?: string | undefined;
}

export interface PlacedAddress extends FoundAddress {
  readonly file: string;
}

export interface Entries {
  /** In the order of the addresses. */
  readonly entries: readonly ImportEntry[];
  readonly conflicts: readonly Conflict[];
}

/**
 * Validates what the files name, and puts together what they say about one address: a device may have a reservation in several subnets.
 * An address of two devices is a conflict. Pure.
 */
export function decideEntries(found: readonly PlacedAddress[], settings: EntrySettings): Entries {
  const conflicts: Conflict[] = [];
  const good: Candidate[] = [];
  for (const address of found) {
    const candidate = candidateOf(address, settings);
    if ('kind' in candidate) conflicts.push(candidate);
    else good.push(candidate);
  }
  const entries: ImportEntry[] = [];
  for (const candidates of Map.groupBy(good, ({ mac }) => mac).values()) {
    const merged = mergeAll(candidates, settings);
    if (Array.isArray(merged)) for (const conflict of merged) conflicts.push(conflict);
    else entries.push(merged);
  }
  return { entries: entries.toSorted((a, b) => macToNumber(a.mac) - macToNumber(b.mac)), conflicts };
}

interface Candidate extends Omit<ImportEntry, 'deviceId'> {
  /** Absent: the file names no device. */
  readonly deviceId: string | undefined;
}

const REFUSALS: Readonly<Record<MacRefusal, string>> = {
  malformed: 'is no MAC address of 48 bits',
  multicast: 'is a multicast address, which no device owns',
  broadcast: 'is the broadcast address',
  zero: 'is no address of a device',
};

function candidateOf(address: PlacedAddress, settings: EntrySettings): Candidate | Conflict {
  const { file, line, mac: text, device, type, metadata } = address;
  const place = { file, line };
  const name = trimmed(device);
  const refuse = (kind: ConflictKind, detail: string): Conflict => ({
    place,
    kind,
    mac: text,
    device: name ?? '',
    detail,
  });
  const parsed = parseMac(text);
  if (!parsed.ok) return refuse('bad-address', text === '' ? 'there is no address' : `${text} ${REFUSALS[parsed.why]}`);
  const deviceType = trimmed(type);
  if (!isVisible(`${name ?? ''}${deviceType ?? ''}`) || !isVisibleJson(metadata)) {
    return refuse('bad-value', 'a name or a value contains a character that nobody sees');
  }
  const canonical = canonicalMetadata(withoutLengths(metadata));
  if (!canonical.ok) return refuse('bad-value', `${canonical.problem.cause} ${canonical.problem.next}`);
  return {
    place,
    mac: parsed.mac,
    deviceId: name === undefined ? undefined : `${settings.devicePrefix ?? ''}${name}`,
    deviceType,
    defaultType: settings.type ?? address.defaultType,
    pool: trimmed(address.pool) ?? settings.pool,
    reserved: address.reserved,
    metadata: canonical.metadata,
  };
}

function trimmed(text: string | undefined): string | undefined {
  const result = text?.trim();
  return result === '' ? undefined : result;
}

/** Returns metadata whose IP addresses have no length of their network, as NetBox and Proxmox write it. */
function withoutLengths(metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { ip } = metadata;
  const list: unknown = typeof ip === 'string' ? ip.split(',') : ip;
  if (!Array.isArray(list)) return metadata;
  const strip = (each: unknown) => (typeof each === 'string' ? each.replace(/\/\d{1,3}$/, '') : each);
  return { ...metadata, ip: list.map(strip) };
}

/** Returns one entry for the rows of an address, or a conflict for each row if they name two devices. */
function mergeAll(candidates: readonly Candidate[], settings: EntrySettings): ImportEntry | Conflict[] {
  const named = new Map(
    candidates.flatMap(({ deviceId, place }) => (deviceId === undefined ? [] : [[deviceId, place]])),
  );
  if (named.size > 1) return twoDevices(candidates, named);
  const pools = [...new Set(candidates.map(({ pool }) => pool).filter((pool) => pool !== undefined))];
  const [first, ...others] = candidates;
  if (first === undefined) return [];
  const metadata = Object.fromEntries(candidates.flatMap((each) => Object.entries(each.metadata)));
  if (others.length > 0) {
    const ips = candidates.flatMap((each) => ipsOf(each.metadata));
    const canonical = canonicalMetadata({ ...metadata, ...(ips.length > 0 && { ip: ips }) });
    const { place, mac, deviceId: device = '' } = first;
    if (!canonical.ok) return [{ place, kind: 'bad-value', mac, device, detail: canonical.problem.cause }];
    Object.assign(metadata, canonical.metadata);
  }
  return {
    place: first.place,
    mac: first.mac,
    deviceId: [...named.keys()][0] ?? first.mac,
    deviceType: candidates.map(({ deviceType }) => deviceType).find((type) => type !== undefined),
    defaultType: first.defaultType,
    pool: pools.find((pool) => pool !== settings.pool) ?? pools[0],
    reserved: candidates.map(({ reserved }) => reserved).find((reserved) => reserved === true),
    metadata,
  };
}

/** How many devices of an address a conflict names. */
const NAMED_DEVICES = 3;

function twoDevices(candidates: readonly Candidate[], named: ReadonlyMap<string, Place>): Conflict[] {
  const places = [...named].slice(0, NAMED_DEVICES).map(([device, place]) => `${device} in ${placeText(place)}`);
  const more = named.size > NAMED_DEVICES ? `, and ${String(named.size - NAMED_DEVICES)} more` : '';
  const detail = `${places.join(', ')}${more}`;
  return candidates.map(({ place, mac, deviceId: device = '' }) => ({
    place,
    kind: 'two-devices',
    mac,
    device,
    detail,
  }));
}
