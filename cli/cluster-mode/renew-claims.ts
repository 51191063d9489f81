import { ANNOTATIONS } from '../../api/names.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import type { Address, CommandResult, RenewOptions } from '../backend.ts';
import { refuseChangedHolder } from '../changed-holder.ts';
import { UserError } from '../errors.ts';
import { addressOfAllocation } from './address-of-allocation.ts';
import { poll } from './poll.ts';
import type { Scope } from './scope.ts';

/** Moves the expiry of claims by one of their periods. Addresses that never expire are returned unchanged. */
export async function renewClaims(
  claims: readonly MacAllocation[],
  { seconds, generation, reason }: RenewOptions,
  scope: Scope,
): Promise<CommandResult<readonly Address[]>> {
  if (seconds !== undefined && claims.length > 0) {
    throw new UserError(
      'The period of a claim cannot be changed in a cluster.',
      'Leave --for out to renew the claim by its own period, or allocate a new one with --expires-after.',
    );
  }
  for (const claim of claims) {
    const address = addressOfAllocation(claim);
    const refusal = address && refuseChangedHolder(address, generation);
    if (refusal !== undefined) return { kind: 'refused', refusal };
  }
  if (scope.dryRun && claims.length > 0) {
    for (const claim of claims) await patchRenewal(claim, { dryRun: true, reason }, scope);
    return { kind: 'dry-run', message: `Would renew ${String(claims.length)} address(es) (dry run).` };
  }
  const renewed = await Promise.all(claims.map((claim) => renewClaim(claim, reason, scope)));
  return { kind: 'done', value: renewed.flatMap((address) => address ?? []) };
}

/** Returns the patched claim, or `undefined` if it has no expiry. */
async function patchRenewal(
  { metadata: { namespace, name, uid }, spec }: MacAllocation,
  { reason, ...options }: { readonly dryRun?: boolean; readonly reason: string | undefined },
  { client }: Scope,
): Promise<MacAllocation | undefined> {
  if (spec.expiresAfter === undefined) return undefined;
  // The reason of the last renewal is none of this one.
  const annotations = { [ANNOTATIONS.renewReason]: reason ?? null };
  const body = { metadata: { uid, annotations }, spec: { renewedAt: new Date().toISOString() } };
  const patch = { type: 'merge', body } as const;
  return await client.patch(macAllocations, { namespace, name }, patch, { ...options, repeatable: true });
}

async function renewClaim(
  claim: MacAllocation,
  reason: string | undefined,
  scope: Scope,
): Promise<Address | undefined> {
  const { client, waitMs } = scope;
  const { namespace, name } = claim.metadata;
  const patched = await patchRenewal(claim, { reason }, scope);
  if (patched === undefined) return addressOfAllocation(claim);
  const { metadata } = patched;
  const polled = await poll(
    async () => {
      const current = await client.get(macAllocations, { namespace, name });
      // Compares generations because the expiry has whole seconds and may not change.
      return (current.status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) ? current : undefined;
    },
    { withinMs: waitMs },
  );
  if (polled.state === 'done') return addressOfAllocation(polled.value);
  throw new UserError(
    `The operator has not moved the expiry of MacAllocation ${namespace ?? ''}/${name} yet.`,
    'It will once it can reach the ledger; see `kubectl get macallocations -o wide`.',
    'unavailable',
  );
}
