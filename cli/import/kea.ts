import { z } from 'zod';
import { type JsonObject, objectsIn, parseJsonText, textFinder } from './json-text.ts';
import {
  type FileNote,
  type FoundAddress,
  hostnameOf,
  otherFile,
  type ParsedFile,
  presentValues,
  unreadable,
} from './parsed-file.ts';

/*
 * Host reservations of Kea: `reservations` of Dhcp4 or Dhcp6, of a subnet, also in a shared network
 * (https://kea.readthedocs.io/en/stable/arm/dhcp4-srv.html#host-reservations-in-dhcpv4, .../dhcp6-srv.html#host-reservations-in-dhcpv6),
 * the `hosts` that the command reservation-get-all answers, and a list of reservations by itself. A reservation names its host by the
 * hardware address, or by something else, which is left out.
 */

const reservationSchema = z.object({
  'hw-address': z.string(),
  'ip-address': z.string().optional(),
  'ip-addresses': z.array(z.string()).optional(),
  hostname: z.string().optional(),
});

const OTHER_IDENTIFIERS = ['duid', 'circuit-id', 'client-id', 'flex-id'];

export function parseKea(text: string): ParsedFile {
  const json = parseJsonText(text);
  if (!json.ok) return unreadable(json.why, json.line);
  const lineOfNext = textFinder(text);
  const found: FoundAddress[] = [];
  const notes: FileNote[] = json.includes.map((include) => ({ text: `${include} was not read: name that file too` }));
  for (const { object, around } of objectsIn(json.value)) {
    const reservation = reservationSchema.safeParse(object);
    const other = OTHER_IDENTIFIERS.find((each) => typeof object[each] === 'string');
    if (reservation.success) {
      const { 'hw-address': mac, hostname, 'ip-address': ip, 'ip-addresses': ips = [] } = reservation.data;
      found.push({
        line: lineOfNext(mac),
        mac,
        device: hostname === '' ? undefined : hostname,
        defaultType: 'host',
        metadata: presentValues({
          ip: ip === undefined ? ips : [ip, ...ips],
          hostname: hostnameOf(hostname),
          subnet: subnetOf(around),
        }),
      });
    } else if (other !== undefined && isReservation(object)) {
      const line = lineOfNext(String(object[other]));
      notes.push({ line, text: `a reservation by ${other} names no hardware address` });
    }
  }
  if (found.length === 0 && notes.length === 0) return otherFile('there is no reservation with a hw-address');
  return { ok: true, found, notes };
}

/** Options and classes have identifiers too, but give no address and no name. */
function isReservation(object: JsonObject): boolean {
  return ['ip-address', 'ip-addresses', 'prefixes', 'hostname'].some((key) => key in object);
}

function subnetOf(around: readonly JsonObject[]): string | undefined {
  return around.map(({ subnet }) => subnet).find((subnet) => typeof subnet === 'string');
}
