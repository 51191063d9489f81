import { z } from 'zod';
import { parseJson } from './parse-json.ts';

const entry = z.object({
  mac: z.string(),
  /** `namespace/name` of the NetworkAttachmentDefinition; absent for the pod's own network. */
  network: z.string().optional(),
  /** The interface's name in the pod, where its author named it. */
  interface: z.string().optional(),
});

/** One line of the `mac.rock-os.io/addresses` annotation: what people and programs in the pod read. */
export type ReportedAddress = Readonly<z.infer<typeof entry>>;

/**
 * The entries of the annotation as somebody stored them, unchecked: everybody who may write the pod may write it.
 * What is no such list counts as empty, since the annotation is an answer of ours and never an order.
 */
export function readAddresses(text: string | undefined): readonly ReportedAddress[] {
  if (text === undefined) return [];
  return z.array(entry).safeParse(parseJson(text)).data ?? [];
}

/** The annotation's text; none where there is nothing to tell. */
export function formatAddresses(addresses: readonly ReportedAddress[]): string | undefined {
  if (addresses.length === 0) return undefined;
  return JSON.stringify(addresses.map(({ network, interface: name, mac }) => ({ network, interface: name, mac })));
}
