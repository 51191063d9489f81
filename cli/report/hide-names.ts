import { createHmac } from 'node:crypto';

/** Fields that name people, tenants, machines and what they run. A name of a `metadata` may be one of ours, see `kept`. */
const NAME_FIELDS: ReadonlySet<string> = new Set([
  ...['namespace', 'name', 'deviceId', 'id', 'user', 'username', 'login', 'actor', 'requester', 'node', 'nodeName'],
  ...['clusterName', 'cluster', 'hostname', 'key', 'claim', 'mirror', 'allocation', 'workload', 'consumer', 'receiver'],
  ...['network', 'identity', 'commonName', 'podName', 'owner'],
]);

/** A name of fewer characters would be found in the midst of ordinary text. */
const SHORTEST = 2;

/** Names that every cluster has, and words beside names in the fields above. */
const COMMON: ReadonlySet<string> = new Set([
  ...['default', 'kube-system', 'kube-public', 'kube-node-lease', 'system', 'serviceaccount'],
  ...['postgres', 'device', 'localhost', '127.0.0.1', '::1'],
  ...['Pod', 'VirtualMachine', 'VirtualMachineInstance', 'MacAllocation', 'MacPool', 'Node', 'Namespace', 'Webhook'],
]);

export interface NameHider {
  /** Learns the names in the fields of a value. Call it for all values before the first `hide`. */
  learn(value: unknown): void;
  /** Learns one name. */
  learnName(name: string): void;
  /** Returns a text in which each learned name is replaced, always by the same substitute. */
  hide(text: string): string;
}

/**
 * Creates a hider of names. `kept` are names that it leaves, such as those of pools. The substitutes are equal for equal names of one report, so they can be followed through it. Without the
 * salt, which nobody keeps, nobody finds out by trying which name one stands for.
 */
export function createNameHider(salt: string, kept: Iterable<string>): NameHider {
  const ours = new Set(kept);
  const names = new Map<string, string>();
  let pattern: RegExp | undefined;

  function learnName(name: string): void {
    if (name.length < SHORTEST || /^\d+$/.test(name) || /^(kubectl-)?rock[-_]mac/.test(name)) return;
    if (ours.has(name) || COMMON.has(name)) return;
    names.set(name, `name-${createHmac('sha256', salt).update(name).digest('hex').slice(0, 8)}`);
    pattern = undefined;
  }

  function learn(value: unknown): void {
    if (Array.isArray(value)) for (const each of value) learn(each);
    if (typeof value !== 'object' || value === null) return;
    for (const [field, each] of Object.entries(value)) {
      if (typeof each !== 'string') learn(each);
      else if (NAME_FIELDS.has(field)) for (const name of partsOf(field, each)) learnName(name);
    }
  }

  return {
    learn,
    learnName,
    hide: (text) => {
      if (names.size === 0) return text;
      pattern ??= patternOf([...names.keys()]);
      return text.replaceAll(pattern, (name) => names.get(name) ?? name);
    },
  };
}

/** Returns the names in a text: `namespace/name`, user names with colons, and `Pod namespace/name` of an owner have several. */
function partsOf(field: string, text: string): string[] {
  return [text, ...text.split(field === 'owner' ? /[/:@\s]/ : /[/:@]/)];
}

/** Finds whole names, the longest first: `web` is no part of `web-0`. */
function patternOf(names: readonly string[]): RegExp {
  const escaped = names
    .toSorted((a, b) => b.length - a.length)
    .map((name) => name.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
  return new RegExp(`(?<![\\w-])(?:${escaped.join('|')})(?![\\w-])`, 'g');
}
