import { macAllocations, type MacAllocation } from '../../kube/mac-resources.ts';
import type { Address } from '../backend.ts';
import { Done, UserError } from '../errors.ts';
import { poll } from './poll.ts';
import type { Scope } from './scope.ts';
import { addressOfAllocation } from './shown-address.ts';

/** Moves the expiry of claims by one more of their periods. What never expires (a pod's address, say) comes back without one. */
export async function renewClaims(
  found: readonly MacAllocation[],
  seconds: number | undefined,
  scope: Scope,
): Promise<Address[]> {
  if (seconds !== undefined && found.length > 0) {
    throw new UserError(
      'The period of a claim cannot be changed in a cluster.',
      'Leave --for out, which renews it by the period that it has; or allocate a new one with --expires-after.',
    );
  }
  if (scope.dryRun) throw new Done(`Would renew ${String(found.length)} address(es) (dry run).`);
  const renewed = await Promise.all(found.map((claim) => renewClaim(claim, scope)));
  return renewed.flatMap((address) => address ?? []);
}

async function renewClaim(claim: MacAllocation, { client, waitMs }: Scope): Promise<Address | undefined> {
  const { namespace, name, uid } = claim.metadata;
  if (claim.spec.expiresAfter === undefined) return addressOfAllocation(claim);
  const body = { metadata: { uid }, spec: { renewedAt: new Date().toISOString() } };
  const { metadata } = await client.patch(
    macAllocations,
    { namespace, name },
    { type: 'merge', body },
    { repeatable: true },
  );
  const polled = await poll(
    async () => {
      const seen = await client.get(macAllocations, { namespace, name });
      // The expiry itself tells nothing: it is written in whole seconds, and may be the same as before.
      return (seen.status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) ? seen : undefined;
    },
    { withinMs: waitMs },
  );
  if (polled.state === 'done') return addressOfAllocation(polled.value);
  throw new UserError(
    `The operator has not moved the expiry of MacAllocation ${namespace ?? ''}/${name} yet.`,
    'It will when it can reach the ledger; look with `kubectl get macallocations -o wide`.',
    'unavailable',
  );
}
