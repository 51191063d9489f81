import { z } from 'zod';
import { parseJson } from './parse-json.ts';

/**
 * These plugins give an interface the address of its parent, so all interfaces of one parent have the same:
 * ipvlan (https://docs.kernel.org/networking/ipvlan.html), vlan and bond (the kernel copies the address of the parent device, or
 * of the first link).
 */
const SHARING: ReadonlySet<string> = new Set(['ipvlan', 'vlan', 'bond']);

const plugin = z.looseObject({ type: z.string(), mode: z.string().optional() });
const configuration = z.union([z.object({ plugins: z.array(plugin) }), plugin]);

/** Returns whether the interfaces of a network, by its CNI configuration, share the address of their parent. */
export function sharesParentAddress(config: string | undefined): boolean {
  const { data } = configuration.safeParse(parseJson(config ?? ''));
  if (data === undefined) return false;
  const plugins = 'plugins' in data ? (data.plugins as readonly z.infer<typeof plugin>[]) : [data];
  return plugins.some(({ type, mode }) => SHARING.has(type) || (type === 'macvlan' && mode === 'passthru'));
}
