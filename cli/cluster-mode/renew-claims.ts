import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
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
  if (scope.dryRun && found.length > 0) {
    for (const claim of found) await patchRenewal(claim, { dryRun: true }, scope);
    throw new Done(`Would renew ${String(found.length)} address(es) (dry run).`);
  }
  const renewed = await Promise.all(found.map((claim) => renewClaim(claim, scope)));
  return renewed.flatMap((address) => address ?? []);
}

/** Answers what is stored then; `undefined` where there is no expiry to move. */
async function patchRenewal(
  { metadata: { namespace, name, uid }, spec }: MacAllocation,
  options: { readonly dryRun?: boolean },
  { client }: Scope,
): Promise<MacAllocation | undefined> {
  if (spec.expiresAfter === undefined) return undefined;
  const body = { metadata: { uid }, spec: { renewedAt: new Date().toISOString() } };
  const patch = { type: 'merge', body } as const;
  return await client.patch(macAllocations, { namespace, name }, patch, { ...options, repeatable: true });
}

async function renewClaim(claim: MacAllocation, scope: Scope): Promise<Address | undefined> {
  const { client, waitMs } = scope;
  const { namespace, name } = claim.metadata;
  const patched = await patchRenewal(claim, {}, scope);
  if (patched === undefined) return addressOfAllocation(claim);
  const { metadata } = patched;
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
