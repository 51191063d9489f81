import { z } from 'zod';
import { parseJson } from './parse-json.ts';

/**
 * How a network treats a given MAC address. `honoured`: its plugin sets it on the interface. `ignored`: its plugin ignores it
 * silently. `unknown`: the plugin is not in the tables below. Multus does not check this.
 */
export type MacSupport = 'honoured' | 'ignored' | 'unknown';

/** A missing network counts as unknown: it may be created later, and the CNI plugin waits for it. */
export type NetworkSupport = MacSupport | 'missing';

/*
 * The source of each line is in docs/limits.md, "Which networks take an address": a plugin is in a table only if its code or its
 * documentation says what it does with an address.
 */

/** These set the address, or record it with their own controller. */
const HONOURING: ReadonlySet<string> = new Set([
  'bridge',
  'macvlan',
  'tap',
  'sriov',
  'accelerated-bridge',
  'ovs',
  'macvtap',
  'ovn-k8s-cni-overlay',
  'kube-ovn',
  'antrea',
]);

/** This one sets it on the interface of the plugin before it. */
const TUNING = 'tuning';

/** These take no MAC. The address of InfiniBand is its GUID, and a bond has the address of one of its links. */
const IGNORING: ReadonlySet<string> = new Set([
  'ptp',
  'vlan',
  'dummy',
  'host-device',
  'loopback',
  'bond',
  'afxdp',
  'ipoib',
  'ib-sriov',
  'antrea-sriov',
]);

/** These change the interface of another plugin, and create none. */
const CHAINED: ReadonlySet<string> = new Set([
  'portmap',
  'bandwidth',
  'firewall',
  'sbr',
  'vrf',
  'route-override',
  'rdma',
]);

/** OpenShift Virtualization installs `bridge` and `tuning` under names of its own. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['cnv-bridge', 'bridge'],
  ['cnv-tuning', TUNING],
]);

const plugin = z.looseObject({ type: z.string(), networkType: z.string().optional() });
const configuration = z.union([z.object({ plugins: z.array(plugin).min(1) }), plugin]);

/** Reads the CNI configuration of a NetworkAttachmentDefinition. Without one, the configuration is in files on the nodes. */
export function macSupport(config: string | undefined): MacSupport {
  const parsed = configuration.safeParse(parseJson(config ?? ''));
  if (!parsed.success) return 'unknown';
  const plugins = 'plugins' in parsed.data ? parsed.data.plugins : [parsed.data];
  const types = (plugins as readonly z.infer<typeof plugin>[]).map(typeOf);
  // All ipvlan interfaces share the address of their parent. The kernel refuses another, so ADD fails if tuning follows.
  if (types.includes('ipvlan')) return 'ignored';
  if (types.some((type) => type === TUNING || HONOURING.has(type))) return 'honoured';
  const own = types.filter((type) => !CHAINED.has(type));
  return own.length > 0 && own.every((type) => IGNORING.has(type)) ? 'ignored' : 'unknown';
}

/** Antrea honours the address on VLAN networks and ignores it on SR-IOV ones. */
function typeOf({ type, networkType }: z.infer<typeof plugin>): string {
  if (type === 'antrea' && networkType === 'sriov') return 'antrea-sriov';
  return OTHER_NAMES.get(type) ?? type;
}
