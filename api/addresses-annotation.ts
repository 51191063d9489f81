import { z } from 'zod';
import { parseJson } from './parse-json.ts';

const entry = z.object({
  mac: z.string(),
  /** `namespace/name` of the NetworkAttachmentDefinition; absent for the pod's own network. */
  network: z.string().optional(),
  /** The interface name in the pod, if its author gave one. */
  interface: z.string().optional(),
});

/** An entry of the `mac.rock-os.io/addresses` annotation, for people and for programs in the pod. */
export type ReportedAddress = Readonly<z.infer<typeof entry>>;

/**
 * Parses the annotation. The MAC addresses are unchecked, because everybody with write access to the pod can change them. An invalid
 * annotation counts as empty: it is output of the webhook, never input.
 */
export function readAddresses(text: string | undefined): readonly ReportedAddress[] {
  if (text === undefined) return [];
  return z.array(entry).safeParse(parseJson(text)).data ?? [];
}

/** Formats the annotation; returns undefined for an empty list. */
export function formatAddresses(addresses: readonly ReportedAddress[]): string | undefined {
  if (addresses.length === 0) return undefined;
  return JSON.stringify(addresses.map(({ network, interface: name, mac }) => ({ network, interface: name, mac })));
}
