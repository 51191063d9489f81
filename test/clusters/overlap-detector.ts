/** A stored object that uses addresses. */
export interface LiveObject {
  readonly cluster: string;
  readonly kind: 'Pod' | 'MacAllocation';
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly macs: readonly string[];
  /** The claim of its namespace whose address a pod uses instead of its own. */
  readonly claim?: string | undefined;
}

/** One address on two live objects at once. */
export interface Overlap {
  readonly mac: string;
  readonly objects: readonly [LiveObject, LiveObject];
}

/** Follows the live objects of all clusters, and records every address that two of them use at the same time. */
export interface OverlapDetector {
  /** The object was created or changed. */
  seen(object: LiveObject): void;
  /** The object was deleted, or uses no addresses any more. */
  gone(object: Pick<LiveObject, 'cluster' | 'uid'>): void;
  /** These are all objects of one kind in a cluster: those that are missing are gone. */
  replace(source: Pick<LiveObject, 'cluster' | 'kind'>, objects: readonly LiveObject[]): void;
  /** Returns the objects that live now. */
  live(): LiveObject[];
  /** All overlaps ever seen, also those that have ended. */
  readonly overlaps: readonly Overlap[];
}

export function createOverlapDetector(): OverlapDetector {
  const objects = new Map<string, LiveObject>();
  const byMac = new Map<string, Set<string>>();
  const overlaps: Overlap[] = [];

  function gone(object: Pick<LiveObject, 'cluster' | 'uid'>): void {
    const key = keyOf(object);
    for (const mac of objects.get(key)?.macs ?? []) byMac.get(mac)?.delete(key);
    objects.delete(key);
  }

  function seen(object: LiveObject): void {
    const before = objects.get(keyOf(object));
    gone(object);
    objects.set(keyOf(object), object);
    for (const mac of object.macs) {
      const users = byMac.get(mac) ?? new Set<string>();
      byMac.set(mac, users);
      for (const key of users) {
        const other = objects.get(key);
        // An overlap counts once, however often one of its objects changes.
        const isNew = before?.macs.includes(mac) !== true;
        if (other !== undefined && isNew && !mayShare(object, other)) overlaps.push({ mac, objects: [other, object] });
      }
      users.add(keyOf(object));
    }
  }

  return {
    seen,
    gone,
    replace: ({ cluster, kind }, current) => {
      const uids = new Set(current.map(({ uid }) => uid));
      for (const object of objects.values()) {
        if (object.cluster === cluster && object.kind === kind && !uids.has(object.uid)) gone(object);
      }
      for (const object of current) seen(object);
    },
    live: () => [...objects.values()],
    overlaps,
  };
}

/** Clusters have the same namespaces and names, and a copied cluster even has the same uids. */
function keyOf({ cluster, uid }: Pick<LiveObject, 'cluster' | 'uid'>): string {
  return `${cluster}/${uid}`;
}

/** A claim shares its address with the pod that uses it. An object is also itself in a copy of its cluster. */
function mayShare(one: LiveObject, other: LiveObject): boolean {
  return one.uid === other.uid || usesClaim(one, other) || usesClaim(other, one);
}

function usesClaim(pod: LiveObject, claim: LiveObject): boolean {
  return (
    claim.kind === 'MacAllocation' &&
    pod.kind === 'Pod' &&
    pod.claim === claim.name &&
    pod.cluster === claim.cluster &&
    pod.namespace === claim.namespace
  );
}

/** Returns overlaps as text for the failure of a test. */
export function describeOverlaps(overlaps: readonly Overlap[]): string[] {
  return overlaps.map(({ mac, objects }) => `${mac}: ${objects.map(describeObject).join(' and ')}`);
}

export function describeObject({ cluster, kind, namespace, name, uid }: Omit<LiveObject, 'macs' | 'claim'>): string {
  return `${kind} ${namespace}/${name} (${uid}) in ${cluster}`;
}
