import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { formatKey } from '../../kube/client/objects.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import type { Elsewhere } from '../link/elsewhere.ts';
import type { LinkUser, OnLink } from '../link/on-link.ts';
import { instances, machines } from '../live/kubevirt-kinds.ts';
import { eventSubjectOf } from '../live/workload.ts';
import { type AddressUser, conflictMessage, describeUser, MAX_NAMED } from './conflict-message.ts';
import type { Contested, ContestedAddresses } from './contested.ts';
import { type Collision, COLLISION_SCOPES, findCollision, type LocalUser } from './find-collision.ts';
import { publishCondition, type PublishConditionDeps, saysConflict } from './publish-condition.ts';
import type { ReportedCollisions } from './reported-collisions.ts';

export type CollisionDeps = PublishConditionDeps &
  Pick<OperatorDeps, 'metrics'> &
  Pick<Sources, 'allocations' | 'workloads'> & {
    readonly onLink: OnLink;
    readonly elsewhere: Elsewhere;
    readonly contested: ContestedAddresses;
    readonly reported: ReportedCollisions;
  };

/** How soon a condition is written again that could not be written, and how soon more Events are recorded. */
const AGAIN_MS = 2_000;

/** How many objects get their Event in one turn. Thousands may share an address, and the others come two seconds later. */
const MOST_EVENTS = 20;

/** How many objects the log names. */
const MOST_LOGGED = 10;

/**
 * Reports who shares an address, and that nobody does any more: by Events on the running objects that have it, by the Conflict
 * condition of its mirrors and claims, by a metric and in the log. Changes no address. It knows the running objects of this
 * cluster from the caches, and everybody else from the ledger, as of the last resync or observation.
 */
export async function reconcileCollision(mac: MacAddress, deps: CollisionDeps): Promise<ReconcileResult> {
  const { onLink, elsewhere, metrics } = deps;
  const users = onLink.usersOf(mac);
  const collision = findCollision(users.map(localUser), users.length === 0 ? [] : elsewhere.of(mac));
  const contested = deps.contested.of(mac).filter((each) => isLive(each, deps));
  metrics.conflict(mac, gaugeOf(collision, contested));
  const unreported = report(mac, users, collision, deps);
  const isDone = await publishConditions(mac, collision, contested, deps);
  return isDone && unreported === 0 ? undefined : { requeueAfterMs: AGAIN_MS };
}

function localUser({ kind, workload: { metadata, migrations, migratesAcross }, nic, segment }: LinkUser): LocalUser {
  const { namespace = '', name, uid } = metadata;
  return { kind: kind.resource.kind, namespace, name, uid, nic, segment, migrations, migratesAcross };
}

/** Returns whether the object still exists, as far as the caches can say. It may have ended since the last resync. */
function isLive({ mac, user, isCached }: Contested, { workloads, allocations }: CollisionDeps): boolean {
  if (!isCached) return true;
  const key = formatKey(user);
  const cached = workloads.get(user.kind);
  if (cached === undefined) return allocations.get(key) !== undefined;
  return cached.cache.get(key)?.uses.includes(mac) === true;
}

function gaugeOf(collision: Collision | undefined, contested: readonly Contested[]) {
  const scopes = [...(collision === undefined ? [] : [collision]), ...contested].map(({ scope }) =>
    COLLISION_SCOPES.indexOf(scope),
  );
  const scope = COLLISION_SCOPES[Math.max(...scopes)];
  if (scope === undefined) return undefined;
  const sharing = new Set(collision?.users.map(({ kind, namespace, name }) => `${kind}/${namespace}/${name}`));
  const objects = sharing.size + (collision?.elsewhere.length ?? 0);
  // An owner and those who use its address.
  return { scope, objects: Math.max(objects, contested.length === 0 ? 0 : contested.length + 1) };
}

/**
 * Records one Event on each object that shares the address since the last report, and one line in the log. Returns how many objects
 * are left for the next turn.
 */
function report(
  mac: MacAddress,
  users: readonly LinkUser[],
  collision: Collision | undefined,
  { events, logger, reported }: CollisionDeps,
): number {
  const sharing = onePerObject(collision?.users ?? []);
  const { fresh, left } = reported.replace(
    mac,
    sharing.map(({ uid }) => uid),
    MOST_EVENTS,
  );
  if (fresh.size === 0 || collision === undefined) return left;
  const { scope, elsewhere } = collision;
  const objects = [
    ...sharing.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`),
    ...elsewhere.map(({ cluster = 'no cluster', kind = 'device', namespace = '', name }) => {
      return `${kind} ${namespace}/${name} of ${cluster}`;
    }),
  ];
  logger.warn({ mac, scope, objects: objects.slice(0, MOST_LOGGED), count: objects.length }, 'an address is shared');
  const byNamespace = Map.groupBy(sharing, ({ namespace }) => namespace);
  const byUid = new Map(users.map((user) => [user.workload.metadata.uid, user]));
  for (const shared of sharing.filter(({ uid }) => fresh.has(uid))) {
    const user = byUid.get(shared.uid);
    if (user === undefined) continue;
    const inNamespace = byNamespace.get(shared.namespace) ?? [];
    const first = inNamespace.slice(0, MAX_NAMED + 1).filter((each) => each !== shared);
    const counts = {
      own: inNamespace.length - 1,
      elsewhere: sharing.length - inNamespace.length,
      outside: elsewhere.length,
    };
    const note =
      sharing.length - 1 + elsewhere.length === 0
        ? `${mac} is on several interfaces of this object. Give each its own address`
        : `${mac} on interface ${shared.nic}: ${conflictMessage(first, counts)}`;
    events.record(eventSubjectOf(user), { type: 'Warning', reason: 'AddressCollision', action: 'Compare', note });
  }
  return left;
}

/** Returns the first interface of each object. */
function onePerObject(users: readonly LocalUser[]): readonly LocalUser[] {
  return [...Map.groupBy(users, ({ uid }) => uid).values()].flatMap(([first]) => first ?? []);
}

/** Publishes on all mirrors and claims of the address. Returns whether all could be written. */
async function publishConditions(
  mac: MacAddress,
  collision: Collision | undefined,
  contested: readonly Contested[],
  deps: CollisionDeps,
): Promise<boolean> {
  const { sharing, byNamespace } = sharersOf(collision, contested);
  const outside = collision?.elsewhere.length ?? 0;
  let isDone = true;
  for (const allocation of deps.allocations.by('mac', mac)) {
    const inNamespace = byNamespace.get(allocation.metadata.namespace ?? '') ?? [];
    const others = inNamespace.filter((user) => !('uid' in user && isOwnUser(user, allocation)));
    const counts = { own: others.length, elsewhere: sharing - inNamespace.length, outside };
    const isShared = counts.own + counts.elsewhere + outside > 0;
    const message = isShared ? conflictMessage(others, counts) : undefined;
    if (message === undefined && (!saysConflict(allocation) || !deps.contested.isKnown)) continue;
    isDone = (await publishCondition(allocation, message, deps)) && isDone;
  }
  return isDone;
}

/** Returns the objects of this cluster that use the address, each once, whether they run or not. */
function sharersOf(collision: Collision | undefined, contested: readonly Contested[]) {
  const sharing = onePerObject(collision?.users ?? []);
  const known = new Set(contested.length === 0 ? [] : sharing.map(describeUser));
  const others = new Map(contested.map(({ user }) => [describeUser(user), user]));
  const all: readonly (AddressUser | LocalUser)[] = [
    ...sharing,
    ...[...others].flatMap(([text, user]) => (known.has(text) ? [] : [user])),
  ];
  return { sharing: all.length, byNamespace: Map.groupBy(all, ({ namespace }) => namespace) };
}

/** Returns whether the running object is the one that has the address of this mirror or claim. */
function isOwnUser(user: LocalUser, { metadata, spec, status }: MacAllocation): boolean {
  const own = spec.consumerRef ?? spec.stickyFor ?? status?.consumer;
  if (own === undefined || user.namespace !== metadata.namespace) return false;
  if ('uid' in own && own.uid === user.uid) return true;
  // An instance has the name of its machine, and a sticky address belongs to a name.
  const isOfMachine = user.kind === instances.kind && own.kind === machines.kind;
  return user.name === own.name && (isOfMachine || (!('uid' in own) && user.kind === own.kind));
}
