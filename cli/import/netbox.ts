import { z } from 'zod';
import { type JsonObject, objectsIn, parseJsonText, textFinder } from './json-text.ts';
import {
  type FileNote,
  type FoundAddress,
  otherFile,
  type ParsedFile,
  presentValues,
  unreadable,
} from './parsed-file.ts';

/*
 * Answers of NetBox's REST API: /api/dcim/interfaces/ and /api/virtualization/interfaces/ with `mac_address`, and from version 4.2 on also
 * `primary_mac_address` and `mac_addresses`; /api/dcim/mac-addresses/ with the interface in `assigned_object`
 * (netbox/dcim/api/serializers_/device_components.py, https://netboxlabs.com/docs/netbox/models/dcim/macaddress/).
 * Several pages may be in one file, one after the other in a list.
 */

const named = z.object({ id: z.int(), name: z.string().nullish(), display: z.string().nullish() });

const interfaceSchema = z.object({
  name: z.string().nullish(),
  device: named.nullish(),
  virtual_machine: named.nullish(),
  description: z.string().nullish(),
});

type Interface = z.infer<typeof interfaceSchema>;

const macSchema = z.object({ mac_address: z.string() });

/** An object of the list of interfaces. */
const withMacs = interfaceSchema.extend({
  mac_address: z.string().nullish(),
  primary_mac_address: macSchema.nullish(),
  mac_addresses: z.array(macSchema).nullish(),
});

/** An object of the list of MAC addresses. */
const assigned = macSchema.extend({ assigned_object: interfaceSchema });
const unassigned = macSchema.extend({ assigned_object: z.null() });

const pageSchema = z.object({ next: z.string(), results: z.array(z.unknown()) });

export function parseNetbox(text: string): ParsedFile {
  const json = parseJsonText(text);
  if (!json.ok) return unreadable(json.why, json.line);
  const lineOfNext = textFinder(text);
  const found: FoundAddress[] = [];
  const notes: FileNote[] = [];
  let nextPage: string | undefined;
  for (const { object, around } of objectsIn(json.value)) {
    // Everything else is inside of an interface.
    if (around.some((outer) => !('results' in outer))) continue;
    if ('results' in object) nextPage = pageSchema.safeParse(object).data?.next;
    else {
      const read = readObject(object);
      if (read === undefined) continue;
      for (const mac of read.macs) {
        const line = lineOfNext(mac);
        if (read.nic === undefined) notes.push({ line, text: `${mac} is assigned to no interface` });
        else found.push({ line, mac, ...deviceOf(read.nic) });
      }
    }
  }
  if (nextPage !== undefined)
    notes.push({ text: `there are more pages than this file has; the next one is ${nextPage}` });
  if (found.length > 0 || notes.length > 0) return { ok: true, found, notes };
  return otherFile('there is no interface with a MAC address and a device or a virtual_machine');
}

/** Returns the addresses of an object of a list, with their interface. Returns `undefined` for anything else. */
function readObject(object: JsonObject): { readonly macs: readonly string[]; readonly nic?: Interface } | undefined {
  const address = assigned.safeParse(object);
  if (address.success) return { macs: [address.data.mac_address], nic: address.data.assigned_object };
  const free = unassigned.safeParse(object);
  if (free.success) return { macs: [free.data.mac_address] };
  const nic = withMacs.safeParse(object);
  if (!nic.success || (nic.data.device ?? nic.data.virtual_machine ?? null) === null) return undefined;
  const { mac_address: one, primary_mac_address: primary, mac_addresses: others } = nic.data;
  const macs = [one, primary?.mac_address, ...(others ?? []).map((each) => each.mac_address)];
  return { macs: [...new Set(macs.filter((mac) => typeof mac === 'string'))], nic: nic.data };
}

function deviceOf({ device, virtual_machine: machine, name, description }: Interface) {
  const owner = device ?? machine ?? undefined;
  return {
    // A device need not have a name.
    device: owner === undefined ? undefined : (owner.name ?? `netbox-${String(owner.id)}`),
    defaultType: machine === null || machine === undefined ? 'device' : 'vm',
    metadata: presentValues({ interface: name, description }),
  };
}
