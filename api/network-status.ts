import { z } from 'zod';
import { type MacAddress, parseAnyMac } from '../mac/mac-address.ts';
import { type Attachment, NETWORK_STATUS_ANNOTATION } from './multus-networks.ts';
import { MOST_INTERFACES_READ, unicastMac } from './nic.ts';
import { parseJson } from './parse-json.ts';

const entry = z.object({
  name: z.string().optional(),
  interface: z.string().optional(),
  mac: z.string().optional(),
  default: z.boolean().optional(),
});
type Entry = z.infer<typeof entry>;

type Annotations = Readonly<Record<string, string>>;

/** An interface of a running pod or instance, with the address that it has. */
export interface ReportedInterface {
  /** The name of the interface inside the pod, or in the spec of the instance. */
  readonly name: string;
  readonly mac: MacAddress;
  /** `namespace/name` of its NetworkAttachmentDefinition. Absent on the cluster's own network. */
  readonly network?: string | undefined;
  /** Whether it is the pod's own interface, on the cluster's network or on one that replaces it. */
  readonly isOwn?: boolean;
}

/**
 * Returns the interfaces that Multus reports, in the order of the report: first the pod's own, then one for each attachment
 * (Network Plumbing Working Group, "Kubernetes Network Custom Resource Definition De-facto Standard", section 5). A text of
 * another shape has none, and what comes after `MOST_INTERFACES_READ` is not read.
 */
export function reportedInterfaces(annotations: Annotations): readonly ReportedInterface[] {
  return entriesOf(annotations).flatMap(({ name = '', interface: device = '', mac: text, default: isOwn }) => {
    const mac = unicastMac(text);
    if (mac === undefined) return [];
    const network = name.includes('/') ? name : undefined;
    return [{ name: device, mac, network, ...(isOwn === true && { isOwn }) }];
  });
}

/**
 * Returns the address that Multus reports for a pod's own interface: the one with the default route (Network Plumbing Working
 * Group, "Kubernetes Network Custom Resource Definition De-facto Standard", section 5.3). Not every plugin names one.
 */
export function ownMacInNetworkStatus(annotations: Annotations): MacAddress | undefined {
  return parseAnyMac(entriesOf(annotations).find((each) => each.default === true)?.mac ?? '');
}

/**
 * Returns the addresses that Multus reports for each of the attached networks. A plugin may create several interfaces, or report none.
 *
 * Multus names an interface that has no name in the networks annotation, so such an attachment is found by its network. If the pod
 * attaches that several times, the reports are in the order of the attachments, unless there are more or fewer of them.
 */
export function attachedMacsInNetworkStatus(
  annotations: Annotations,
  attachments: readonly Pick<Attachment, 'network' | 'interfaceName'>[],
): readonly (readonly MacAddress[])[] {
  const entries = entriesOf(annotations).filter((each) => each.default !== true);
  const named = new Set(attachments.flatMap(({ interfaceName }) => interfaceName ?? []));
  return attachments.map(({ network, interfaceName }, index) => {
    if (interfaceName !== undefined) return macsOf(entries.filter((each) => each.interface === interfaceName));
    const reports = entries.filter((each) => each.name === network && !named.has(each.interface ?? ''));
    const isAlike = (each: (typeof attachments)[number]) =>
      each.interfaceName === undefined && each.network === network;
    const count = attachments.filter(isAlike).length;
    if (count === 1) return macsOf(reports);
    const nth = attachments.slice(0, index).filter(isAlike).length;
    return reports.length === count ? macsOf(reports.slice(nth, nth + 1)) : [];
  });
}

function entriesOf(annotations: Annotations): readonly Entry[] {
  const { data = [] } = z.array(entry).safeParse(parseJson(annotations[NETWORK_STATUS_ANNOTATION] ?? ''));
  return data.slice(0, MOST_INTERFACES_READ);
}

function macsOf(entries: readonly Entry[]): readonly MacAddress[] {
  return entries.flatMap(({ mac }) => parseAnyMac(mac ?? '') ?? []);
}
