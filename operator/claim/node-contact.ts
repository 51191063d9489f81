/** What the API server shows of a node that exists. The node's own clock has written all its times. */
export interface NodeState {
  /** Somebody has declared that the node is off, by the taint `node.kubernetes.io/out-of-service`. */
  readonly isOutOfService: boolean;
  /** When the kubelet last renewed the Lease of the node, in milliseconds. Absent without a Lease. */
  readonly renewedAt?: number | undefined;
  /** How long a kubelet may be silent, in milliseconds. It renews its Lease four times in this time. */
  readonly leaseMs: number;
  /** How long the node has been Ready at that renewal, in milliseconds. Absent if it is not, such as without a runtime. */
  readonly readyForMs?: number | undefined;
}

/** What was seen of the node of a vanished pod. All times are by the node's clock, in milliseconds. */
export interface NodeContact {
  /** The last renewal of the Lease that was seen. */
  readonly renewedAt?: number | undefined;
  /** The first renewal of an unbroken series that began after the pod vanished. Absent before that. */
  readonly inContactSince?: number | undefined;
  /** How long the series has to be. */
  readonly neededMs: number;
}

/**
 * The kubelet was in contact when the pod vanished. So its watch reports the deletion, and it kills the pod within four seconds
 * (measured). The node may have been silent just before, for less than the 50 s after which it is not Ready: then a packet is
 * sent again, or the watch is opened again, within 20 s.
 */
const STEADY_MS = 20_000;

/**
 * The kubelet was away. Its watch of pods waits for up to 60 s between two attempts, and an attempt may hang for 30 s
 * (defaultBackoffMax in https://github.com/kubernetes/client-go/blob/v0.37.2/tools/cache/reflector.go). Every two seconds it looks
 * for containers without a pod. The rest is for the network plugins. If it has missed the deletion itself, it gives the pod its
 * whole grace period.
 */
const RETURNED_MS = 120_000;

/** How long after the last renewal the next one still belongs to the same series, as a part of `leaseMs`: 15 of 40 s. */
const MAX_GAP = 3 / 8;

/**
 * Begins to watch the node of a pod that vanished, now or while no operator ran.
 *
 * @param graceMs the grace period of the pod
 */
export function beginContact(node: NodeState | undefined, graceMs: number): NodeContact {
  const returnedMs = RETURNED_MS + graceMs;
  const wasInContact = (node?.readyForMs ?? 0) >= returnedMs;
  return { renewedAt: node?.renewedAt, neededMs: wasInContact ? STEADY_MS : returnedMs };
}

/**
 * Decides whether a pod that vanished before it was seen to end can still run on its node. It cannot if the node is gone, or
 * declared off, or if its kubelet has been in contact and able to work for long enough since.
 *
 * The condition Ready of a node becomes false up to 50 s too late, so a silence shows in the Lease. The times of a node are
 * compared with each other and never with the operator's clock.
 */
export function updateContact(
  before: NodeContact,
  node: NodeState | undefined,
  graceMs: number,
): NodeContact | 'ended' {
  if (node === undefined || node.isOutOfService) return 'ended';
  const { renewedAt, readyForMs, leaseMs } = node;
  const broken: NodeContact = { renewedAt, neededMs: RETURNED_MS + graceMs };
  if (readyForMs === undefined) return broken;
  if (renewedAt === undefined || renewedAt === before.renewedAt) return before;
  const gap = before.renewedAt === undefined ? Infinity : renewedAt - before.renewedAt;
  if (gap <= 0 || gap > leaseMs * MAX_GAP) return { ...broken, inContactSince: renewedAt };
  const { inContactSince = renewedAt, neededMs } = before;
  return renewedAt - inContactSince >= neededMs ? 'ended' : { renewedAt, inContactSince, neededMs };
}
