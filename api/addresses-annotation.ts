import { z } from 'zod';
import type { MacAddress } from '../mac/mac-address.ts';

/** One line of the `mac.rock-os.io/addresses` annotation: what people and programs in the pod read. */
export interface CarriedAddress {
  /** `namespace/name` of the NetworkAttachmentDefinition; absent for the pod's own network. */
  readonly network?: string;
  /** The interface's name in the pod, where its author named it. */
  readonly interface?: string;
  readonly mac: MacAddress;
}

const entries = z.array(
  z.object({ mac: z.string(), network: z.string().optional(), interface: z.string().optional() }),
);

/**
 * The entries of the annotation as somebody stored them, unchecked: everybody who may write the pod may write it.
 * What is no such list counts as empty, since the annotation is an answer of ours and never an order.
 */
export function readAddresses(text: string | undefined): z.infer<typeof entries> {
  if (text === undefined) return [];
  try {
    return entries.safeParse(JSON.parse(text)).data ?? [];
  } catch {
    return [];
  }
}

export function formatAddresses(addresses: readonly CarriedAddress[]): string {
  return JSON.stringify(addresses.map(({ network, interface: name, mac }) => ({ network, interface: name, mac })));
}
