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
 * The configuration of a virtual machine or a container of Proxmox VE: `key: value` lines, of which `netN` is an interface. `[name]`
 * begins a snapshot or pending changes, which are not what the guest has now (https://pve.proxmox.com/pve-docs/qm.conf.5.html,
 * https://pve.proxmox.com/pve-docs/pct.conf.5.html). The names of guests may repeat, so their ids name the devices.
 */

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i;

export function parseProxmox(text: string, name: string): ParsedFile {
  const id = /^(\d+)\.conf$/.exec(name)?.[1];
  if (id === undefined) {
    return unreadable('the name of the file must be the id of a guest, such as 101.conf');
  }
  const lines = currentLines(text);
  if (lines.length === 0) return otherFile('there is no line such as `net0: virtio=BC:24:11:12:34:56,bridge=vmbr0`');
  const value = (key: string) => lines.find((line) => line.key === key)?.value;
  // Only containers have a root file system of their own.
  const isContainer = value('rootfs') !== undefined;
  const device = `${isContainer ? 'ct' : 'vm'}-${id}`;
  const found: FoundAddress[] = [];
  const notes: FileNote[] = [];
  for (const { line, key, value: settings } of lines.filter(({ key }) => /^net\d+$/.test(key))) {
    const nic = interfaceOf(settings, value(`ipconfig${key.slice('net'.length)}`) ?? '');
    if (nic.mac === undefined) notes.push({ line, text: `${key} has no MAC address` });
    else {
      const hostname = value(isContainer ? 'hostname' : 'name');
      const metadata = presentValues({ hostname: hostnameOf(hostname), interface: key, ...nic.metadata });
      found.push({ line, mac: nic.mac, device, defaultType: isContainer ? 'container' : 'vm', metadata });
    }
  }
  return { ok: true, found, notes };
}

interface Line {
  readonly line: number;
  readonly key: string;
  readonly value: string;
}

/** Returns the lines before the first snapshot. Lines with `#` are the description. */
function currentLines(text: string): Line[] {
  const lines: Line[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    if (raw.startsWith('[')) break;
    const match = /^([a-z][a-z_]*\d*):(.*)$/.exec(raw);
    if (match !== null) lines.push({ line: index + 1, key: match[1] ?? '', value: (match[2] ?? '').trim() });
  }
  return lines;
}

/** Reads an interface. A machine has `model=MAC` or `macaddr=MAC`, a container `hwaddr=MAC`. Cloud-init gives a machine its address. */
function interfaceOf(text: string, ipConfig: string) {
  const settings = settingsOf(text);
  const mac = [...settings.values()].find((each) => MAC.test(each));
  const cloudInit = settingsOf(ipConfig);
  const ips = [settings, cloudInit].flatMap((each) => [each.get('ip'), each.get('ip6')]);
  const vlan = settings.get('tag');
  const metadata = {
    ip: ips.filter((ip) => ip !== undefined && /^[0-9a-f.:]+\/\d+$/i.test(ip)),
    bridge: settings.get('bridge'),
    vlan: vlan === undefined ? undefined : Number(vlan),
  };
  return { mac, metadata };
}

function settingsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(',').map((part) => {
      const [key = '', ...value] = part.split('=');
      return [key.trim(), value.join('=').trim()] as const;
    }),
  );
}
