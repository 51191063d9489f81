import { isAlreadyExists, isForbidden, isNotFound } from '../../kube/client/errors.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { formatKey } from '../../kube/client/objects.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { mirrorName, type MirrorSubject, newMirror } from './mirror.ts';

export type EnsureMirrorDeps = Pick<OperatorDeps, 'client' | 'logger'> & Pick<Sources, 'allocations'>;

/**
 * Returns the mirror of an address, and creates it where it does not exist. Returns `undefined` where none can be created:
 * a terminating namespace accepts no new objects, and the ledger binds without a mirror.
 */
export async function ensureMirror(
  subject: MirrorSubject,
  { allocations, client, logger }: EnsureMirrorDeps,
): Promise<MacAllocation | undefined> {
  const { namespace } = subject.workload.metadata;
  const key = { namespace, name: mirrorName(subject) };
  const cached = allocations.get(formatKey(key));
  if (cached !== undefined && cached.metadata.deletionTimestamp === undefined) return mirrorOf(subject, cached);
  try {
    return await client.create(macAllocations, newMirror(subject));
  } catch (error) {
    if (isAlreadyExists(error)) return mirrorOf(subject, await client.get(macAllocations, key));
    if (isNotFound(error) || isNamespaceTerminatingError(error)) {
      const workload = subject.workload.metadata.name;
      logger.info({ ...key, workload }, 'no mirror created, because its namespace is being deleted');
      return undefined;
    }
    throw error;
  }
}

/** Any other refusal, by a quota or a policy, says nothing about the namespace. It is retried and logged. */
export function isNamespaceTerminatingError(error: unknown): boolean {
  return isForbidden(error) && (error.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating');
}

/** Ignores an object of the mirror's name that somebody else created. */
function mirrorOf({ workload }: MirrorSubject, found: MacAllocation): MacAllocation | undefined {
  return found.spec.consumerRef?.uid === workload.metadata.uid ? found : undefined;
}
