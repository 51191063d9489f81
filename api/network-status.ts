import { z } from 'zod';
import { type MacAddress, parseAnyMac } from '../mac/mac-address.ts';
import { NETWORK_STATUS_ANNOTATION } from './multus-networks.ts';
import { parseJson } from './parse-json.ts';

const schema = z.array(z.object({ mac: z.string().optional(), default: z.boolean().optional() }));

/**
 * Returns the address that Multus reports for a pod's own interface: the one with the default route (Network Plumbing Working
 * Group, "Kubernetes Network Custom Resource Definition De-facto Standard", section 5.3). Not every plugin names one.
 */
export function ownMacInNetworkStatus(annotations: Readonly<Record<string, string>>): MacAddress | undefined {
  const entries = schema.safeParse(parseJson(annotations[NETWORK_STATUS_ANNOTATION] ?? '')).data ?? [];
  return parseAnyMac(entries.find((entry) => entry.default === true)?.mac ?? '');
}
