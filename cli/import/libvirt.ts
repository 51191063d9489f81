import { parseXml, XmlElement, XmlError } from '@rgrove/parse-xml';
import {
  type FoundAddress,
  hostnameOf,
  lineFinder,
  otherFile,
  type ParsedFile,
  presentValues,
  unreadable,
} from './parsed-file.ts';

/*
 * Domains as `virsh dumpxml` prints them (https://libvirt.org/formatdomain.html#network-interfaces), and networks as `virsh net-dumpxml`
 * does, with the reservations of their DHCP server (https://libvirt.org/formatnetwork.html#addressing). A file may have several, one after
 * the other. The parser knows no entities beside the five of XML, so a small file cannot expand to a large one.
 */

/** Returns the line of an element. */
type LineOf = (element: XmlElement) => number;

/** The element that `wrapped` puts around the file. */
const ROOT = '<files>';

export function parseLibvirt(text: string): ParsedFile {
  const lines = lineFinder(text);
  const lineOf: LineOf = ({ start }) => lines(start - ROOT.length);
  try {
    const { root } = parseXml(wrapped(text), { includeOffsets: true });
    const elements = childrenOf(root ?? undefined);
    const known = elements.flatMap((each) => readersOf(each).map((read) => read(lineOf)));
    if (known.length > 0) return { ok: true, found: known.flat(), notes: [] };
    const names = elements.map(({ name }) => `<${name}>`).join(', ');
    return otherFile(
      `there is no <domain> and no <network>, as \`virsh dumpxml\` prints them${names === '' ? '' : `, but ${names}`}`,
    );
  } catch (error) {
    // The parser calls itself for each element in another one.
    if (error instanceof RangeError) return unreadable('its elements are nested too deeply');
    if (!(error instanceof XmlError)) throw error;
    const [what = ''] = error.message.split('\n', 1);
    return unreadable(`it is no XML (${what.replace(/ ?\(line.*$/, '')})`, lines(error.pos - ROOT.length));
  }
}

/** Returns the text as one document. The declarations between the documents of one file would end it; spaces keep the lines. */
function wrapped(text: string): string {
  const plain = text
    .replace(/^\uFEFF/, ' ')
    .replaceAll(/<\?xml\s[^>?]*\?>/g, (declaration) => ' '.repeat(declaration.length));
  return `${ROOT}${plain}</files>`;
}

/** Returns how to read an element. The state of a running domain (`domstatus`) has its definition inside. */
function readersOf(element: XmlElement): ((lineOf: LineOf) => FoundAddress[])[] {
  switch (element.name) {
    case 'domain':
      return [(lineOf) => interfacesOf(element, lineOf)];
    case 'network':
      return [(lineOf) => hostsOf(element, lineOf)];
    case 'domstatus':
      return childrenOf(element, 'domain').map((domain) => (lineOf) => interfacesOf(domain, lineOf));
    case 'host':
      // What `virsh net-update` reads.
      return [(lineOf) => hostIn(element, {}, lineOf)];
    default:
      return [];
  }
}

function interfacesOf(domain: XmlElement, lineOf: LineOf): FoundAddress[] {
  const device = textOf(domain, 'name');
  return childrenOf(domain, 'devices').flatMap((devices) =>
    childrenOf(devices, 'interface').flatMap((nic) => {
      const [mac] = childrenOf(nic, 'mac');
      if (mac === undefined) return [];
      const source = childrenOf(nic, 'source')[0]?.attributes ?? {};
      const { network, bridge, dev, portgroup } = source;
      return [
        {
          line: lineOf(mac),
          mac: mac.attributes['address'] ?? '',
          device,
          defaultType: 'vm',
          // The bridge of a network is the choice of its host.
          metadata: presentValues({
            uuid: textOf(domain, 'uuid'),
            network,
            bridge: network === undefined ? bridge : '',
            dev,
            portgroup,
          }),
        },
      ];
    }),
  );
}

function hostsOf(network: XmlElement, lineOf: LineOf): FoundAddress[] {
  const ranges = childrenOf(network, 'ip').flatMap((ip) => childrenOf(ip, 'dhcp'));
  const hosts = ranges.flatMap((dhcp) => childrenOf(dhcp, 'host'));
  return hosts.flatMap((host) => hostIn(host, { network: textOf(network, 'name') }, lineOf));
}

/** Reads a reservation. One for IPv6 may name a DUID instead of an address. */
function hostIn(host: XmlElement, metadata: Readonly<Record<string, unknown>>, lineOf: LineOf): FoundAddress[] {
  const { mac, name, ip } = host.attributes;
  if (mac === undefined) return [];
  const values = presentValues({ ...metadata, ip: ip === undefined ? [] : [ip], hostname: hostnameOf(name) });
  return [{ line: lineOf(host), mac, device: name, defaultType: 'host', metadata: values }];
}

function childrenOf(element: XmlElement | undefined, name?: string): XmlElement[] {
  const children = element?.children.filter((child) => child instanceof XmlElement) ?? [];
  return children.filter((child) => name === undefined || child.name === name);
}

function textOf(element: XmlElement, name: string): string | undefined {
  const text = childrenOf(element, name)[0]?.text.trim();
  return text === '' ? undefined : text;
}
