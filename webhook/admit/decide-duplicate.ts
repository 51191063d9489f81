import type { Observation } from '../../ledger/observation/observations.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';

/** An incoming object, and where it will be. */
export interface IncomingObject {
  readonly clusterId: string;
  readonly kind: AdmittedObject['kind'];
  readonly namespace: string;
  readonly name: string;
}

/** What is decided on an address that another object uses. */
export interface Duplicate {
  /** Who uses it, as far as the author of the incoming object may know. */
  readonly holder: string;
  /** Whether the use of the other is a reason to refuse the incoming object, and not only to warn its author. */
  readonly isRefused: boolean;
}

/** How long an object outside of the namespace must have used an address until others are refused because of it. */
const ESTABLISHED_MS = 60 * 60 * 1_000;

/** The same for every object outside of the namespace: the author may not be allowed to know where others are. */
const OUTSIDE = 'an object outside of this namespace';

/**
 * Decides on an address that the author of an object wrote, by the objects that use it in the same segment: `undefined` if
 * there is no other.
 *
 * A tenant may write any address into a pod or a halted machine. So what another namespace or cluster merely has keeps nobody from
 * creating an object: only what runs there, and was observed for an hour, is more than an attempt to be in the way.
 */
export function decideDuplicate(
  users: readonly Observation[],
  incoming: IncomingObject,
  now: Date,
): Duplicate | undefined {
  const others = users.filter((each) => !each.migrates && !isSameObject(each, incoming));
  if (others.length === 0) return undefined;
  const neighbour = others.find(({ object }) => isOfSameNamespace(object, incoming))?.object;
  if (neighbour !== undefined) return { holder: `${neighbour.kind} ${neighbour.name}`, isRefused: true };
  const isEstablished = ({ running, since }: Observation) =>
    running && now.getTime() - since.getTime() > ESTABLISHED_MS;
  return { holder: OUTSIDE, isRefused: others.some(isEstablished) };
}

/** An instance has the name of its machine. An object that is made again has the name of the one before. */
function isSameObject({ object }: Observation, incoming: IncomingObject): boolean {
  const isSameKind = (object.kind === 'Pod') === (incoming.kind === 'Pod');
  return isOfSameNamespace(object, incoming) && object.name === incoming.name && isSameKind;
}

function isOfSameNamespace(object: Observation['object'], { clusterId, namespace }: IncomingObject): boolean {
  return object.clusterId === clusterId && object.namespace === namespace;
}
