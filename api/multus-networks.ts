import { z } from 'zod';
import type { MacAddress } from '../mac/mac-address.ts';
import { elementSpans, type MemberSpan, memberSpans, type Span, splice } from './json-spans.ts';

/**
 * The annotation with which a pod requests more interfaces from Multus (Network Plumbing Working Group, "Kubernetes Network
 * Custom Resource Definition De-facto Standard", section 4.1.2), parsed as Multus parses it.
 */
export const NETWORKS_ANNOTATION = 'k8s.v1.cni.cncf.io/networks';

/**
 * Replaces the cluster's default network, in the same form. Without a namespace, Multus looks for the
 * NetworkAttachmentDefinition in its own namespace (`multusNamespace` of its configuration), not in the pod's.
 */
export const DEFAULT_NETWORK_ANNOTATION = 'v1.multus-cni.io/default-network';

/** Multus reports here which interfaces a pod has, and their addresses. It writes the annotation with the pod's status. */
export const NETWORK_STATUS_ANNOTATION = 'k8s.v1.cni.cncf.io/network-status';

/** The default of `multusNamespace`. */
export const MULTUS_NAMESPACE = 'kube-system';

/** An interface that the pod requests. */
export interface Attachment {
  /** `namespace/name` of the NetworkAttachmentDefinition. */
  readonly network: string;
  /** The interface name inside the pod, if the author gave one. */
  readonly interfaceName?: string;
  /** The MAC as the author wrote it, not validated. */
  readonly mac?: string;
  /** The MAC in `cni-args`, which some plugins prefer over the first one. */
  readonly cniArgsMac?: string;
  /** For InfiniBand, the address is this GUID and not a MAC. */
  readonly infinibandGuid?: string;
}

export interface NetworksAnnotation {
  readonly attachments: readonly Attachment[];
  /** Returns the annotation with `macs[i]` set on attachment i; undefined leaves that attachment unchanged. */
  withMacs(macs: readonly (MacAddress | undefined)[]): string;
}

export type ParsedNetworks =
  { readonly ok: true; readonly networks: NetworksAnnotation } | { readonly ok: false; readonly problem: string };

/** A DNS-1123 label: Multus accepts only these as names of networks and namespaces, without dots. */
const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

/** IFNAMSIZ of Linux is 16, including the terminating NUL. */
const MAX_INTERFACE_NAME = 15;

/** Null and the empty string mean absent, as for a Go decoder. */
const element = z.object({
  name: z.string().regex(LABEL, 'is not a name of a NetworkAttachmentDefinition'),
  namespace: z.union([z.literal(''), z.string().regex(LABEL, 'is not a name of a namespace')]).nullish(),
  interface: z
    .string()
    .max(MAX_INTERFACE_NAME, `is longer than ${String(MAX_INTERFACE_NAME)} characters`)
    .regex(/^[^\s/]*$/, 'has white space or a slash in it')
    .nullish(),
  mac: z.string().nullish(),
  'infiniband-guid': z.string().nullish(),
});

/**
 * Parses either form of the annotation. `home` is the namespace of networks that name none. A problem names the attachment.
 */
export function parseNetworks(text: string, home: string): ParsedNetworks {
  // Multus detects the JSON form by these characters anywhere in the text.
  return /[[{"]/.test(text) ? parseJsonForm(text, home) : parseCommaForm(text, home);
}

function parseJsonForm(text: string, home: string): ParsedNetworks {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, problem: `is not valid JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (!Array.isArray(value)) return { ok: false, problem: 'is not a JSON list' };
  const spans = elementSpans(text);
  const attachments: Attachment[] = [];
  for (const [index, span] of spans.entries()) {
    const entry = element.safeParse(membersAsGoReadsThem(text, span));
    if (!entry.success) return { ok: false, problem: badEntry(index, entry.error) };
    const { name, namespace, interface: interfaceName, mac, 'infiniband-guid': infinibandGuid } = entry.data;
    const cniArgsMac = cniArgsMacs(text, span)
      .map(({ value }) => JSON.parse(text.slice(value.start, value.end)) as unknown)
      .findLast((value) => typeof value === 'string');
    attachments.push(attachment({ name, namespace, interfaceName, mac, cniArgsMac, infinibandGuid }, home));
  }
  return {
    ok: true,
    networks: {
      attachments,
      withMacs: (macs) =>
        splice(
          text,
          macs.flatMap((mac, index) => {
            const span = spans[index];
            return mac === undefined || span === undefined ? [] : macEdits(text, span, mac);
          }),
        ),
    },
  };
}

/**
 * Folds a key as Go's encoding/json does, which Multus uses: it ignores the case of keys, and the last of two equal keys wins
 * (https://pkg.go.dev/encoding/json#Unmarshal). A stricter parser would miss a MAC with the key `Mac`.
 */
function foldKey(key: string): string {
  return key.toUpperCase().toLowerCase();
}

function membersAsGoReadsThem(text: string, span: Span): unknown {
  if (text[span.start] !== '{') return JSON.parse(text.slice(span.start, span.end));
  return Object.fromEntries(
    memberSpans(text, span).map(({ key, value }) => [foldKey(key), JSON.parse(text.slice(value.start, value.end))]),
  );
}

function badEntry(index: number, error: z.ZodError): string {
  const [issue] = error.issues;
  const path = [index, ...(issue?.path ?? [])].join('.');
  return `has a bad entry at [${path}]: ${issue?.message ?? 'it is not understood'}`;
}

/**
 * Returns edits that replace every `mac` member, also in `cni-args`, because readers differ in which of two they use. Without
 * one, they insert it at the start.
 */
function macEdits(text: string, object: Span, mac: MacAddress): readonly { span: Span; text: string }[] {
  const quoted = JSON.stringify(mac);
  const members = memberSpans(text, object);
  const present = members.filter(({ key }) => foldKey(key) === 'mac');
  const edits = [...present, ...cniArgsMacs(text, object)].map(({ value }) => ({ span: value, text: quoted }));
  if (present.length > 0) return edits;
  const start = object.start + 1;
  return [{ span: { start, end: start }, text: `"mac":${quoted}${members.length > 0 ? ',' : ''}` }, ...edits];
}

function cniArgsMacs(text: string, object: Span): readonly MemberSpan[] {
  if (text[object.start] !== '{') return [];
  return memberSpans(text, object)
    .filter(({ key, value }) => foldKey(key) === 'cni-args' && text[value.start] === '{')
    .flatMap(({ value }) => memberSpans(text, value))
    .filter(({ key }) => foldKey(key) === 'mac');
}

function parseCommaForm(text: string, home: string): ParsedNetworks {
  const entries: { name: string; namespace: string | undefined; interfaceName: string | undefined }[] = [];
  for (const part of text.split(',')) {
    const trimmed = part.trim();
    const match = /^(?:([^/@]+)\/)?([^/@]+)(?:@([^/@\s]+))?$/.exec(trimmed);
    const [, namespace, name = '', interfaceName] = match ?? [];
    const good =
      match !== null &&
      LABEL.test(name) &&
      (namespace === undefined || LABEL.test(namespace)) &&
      (interfaceName?.length ?? 0) <= MAX_INTERFACE_NAME;
    if (!good)
      return { ok: false, problem: `has a bad entry ${JSON.stringify(trimmed)}: want [namespace/]name[@interface]` };
    entries.push({ name, namespace, interfaceName });
  }
  return {
    ok: true,
    networks: {
      attachments: entries.map((entry) => attachment(entry, home)),
      // This form cannot contain a MAC, so the result is always JSON.
      withMacs: (macs) =>
        JSON.stringify(
          entries.map(({ name, namespace, interfaceName }, index) => ({
            name,
            namespace,
            interface: interfaceName,
            mac: macs[index],
          })),
        ),
    },
  };
}

interface Entry {
  readonly name: string;
  readonly namespace?: string | null | undefined;
  readonly interfaceName?: string | null | undefined;
  readonly mac?: string | null | undefined;
  readonly cniArgsMac?: string | undefined;
  readonly infinibandGuid?: string | null | undefined;
}

function attachment({ name, namespace, ...given }: Entry, home: string): Attachment {
  const { interfaceName, mac, cniArgsMac, infinibandGuid } = given;
  return {
    network: `${isGiven(namespace) ? namespace : home}/${name}`,
    ...(isGiven(interfaceName) && { interfaceName }),
    ...(isGiven(mac) && { mac }),
    ...(isGiven(cniArgsMac) && { cniArgsMac }),
    ...(isGiven(infinibandGuid) && { infinibandGuid }),
  };
}

function isGiven(text: string | null | undefined): text is string {
  return text !== null && text !== undefined && text !== '';
}

/**
 * Returns a unique name for each attachment of a pod: the interface name if the author gave one, else
 * `namespace/name#occurrence`, counted from 0 for each network. A network may occur several times, so its name is not unique.
 * The names that Multus will assign (net1, net2 …) depend on the cluster's default networks, which are not known here.
 */
export function nicNames(attachments: readonly Attachment[]): readonly string[] {
  const seen = new Map<string, number>();
  return attachments.map(({ network, interfaceName }) => {
    const occurrence = seen.get(network) ?? 0;
    seen.set(network, occurrence + 1);
    return interfaceName ?? `${network}#${String(occurrence)}`;
  });
}
