import type { UserElsewhere } from '../../ledger/observation/users-elsewhere.ts';

/** A running object of this cluster that has the address on one of its interfaces. */
export interface LocalUser {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly nic: string;
  readonly segment: string;
  /** The uids of the migrations of an instance. */
  readonly migrations?: readonly string[] | undefined;
  /** Whether an instance and another one have one guest, of which the other may be in another cluster. */
  readonly migratesAcross?: boolean | undefined;
}

/** How far apart those are that share an address: interfaces of one object, objects of one namespace, of one cluster, of one ledger. */
export const COLLISION_SCOPES = ['object', 'namespace', 'cluster', 'ledger'] as const;
export type CollisionScope = (typeof COLLISION_SCOPES)[number];

export interface Collision {
  readonly scope: CollisionScope;
  /** The interfaces of this cluster that share the address with others. */
  readonly users: readonly LocalUser[];
  readonly elsewhere: readonly UserElsewhere[];
}

/**
 * Returns the collision of one address, or `undefined` without one. Equal addresses in different segments never meet. The
 * instances of both sides of a migration are one guest.
 */
export function findCollision(users: readonly LocalUser[], elsewhere: readonly UserElsewhere[]): Collision | undefined {
  const found = [...Map.groupBy(users, ({ segment }) => segment)].flatMap(([segment, inSegment]) => {
    const others = elsewhere.filter((each) => each.segment === undefined || each.segment === segment);
    return collisionIn(inSegment, others) ?? [];
  });
  if (found.length === 0) return undefined;
  const scopes = found.map(({ scope }) => COLLISION_SCOPES.indexOf(scope));
  return {
    scope: COLLISION_SCOPES[Math.max(...scopes)] ?? 'object',
    users: found.flatMap((each) => each.users),
    elsewhere: [...new Set(found.flatMap((each) => each.elsewhere))],
  };
}

function collisionIn(users: readonly LocalUser[], others: readonly UserElsewhere[]): Collision | undefined {
  const elsewhere = users.every(({ migratesAcross }) => migratesAcross === true)
    ? others.filter((each) => !isPartOfMigration(each))
    : others;
  if (elsewhere.length > 0) return { scope: 'ledger', users, elsewhere };
  const byObject = Map.groupBy(users, ({ uid }) => uid);
  if (countGuests([...byObject.values()].flatMap(([first]) => first ?? [])) > 1) {
    const isOneNamespace = users.every(({ namespace }) => namespace === users[0]?.namespace);
    return { scope: isOneNamespace ? 'namespace' : 'cluster', users, elsewhere };
  }
  const twice = [...byObject.values()].filter((interfaces) => interfaces.length > 1).flat();
  return twice.length > 0 ? { scope: 'object', users: twice, elsewhere } : undefined;
}

/** Returns how many guests these objects are. Instances that name the same migration have one guest. */
function countGuests(objects: readonly LocalUser[]): number {
  let guests = 0;
  const counted = new Set<string>();
  for (const { migrations = [] } of objects) {
    if (!migrations.some((uid) => counted.has(uid))) guests++;
    for (const uid of migrations) counted.add(uid);
  }
  return guests;
}

/** The ledger does not know which migration an instance of another cluster names, nor that of a machine which owns the address. */
function isPartOfMigration({ kind, migrates }: UserElsewhere): boolean {
  return migrates || kind === 'VirtualMachine';
}
