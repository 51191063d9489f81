import { isDeepStrictEqual } from 'node:util';
import { isClaim } from '../../api/mac-allocation.ts';
import { transferTarget } from '../../api/transfer-target.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { formatKey } from '../../kube/client/objects.ts';
import type { Change } from '../../kube/controller/object-cache.ts';
import { type ControllerSpec, watch } from '../controller/controller-spec.ts';
import { identityKey, parseIdentityKey } from '../controller/identity-key.ts';
import type { Sources } from '../controller/operator-sources.ts';
import type { Workload } from '../live/workload.ts';
import { type ClaimDeps, reconcileClaim } from './reconcile.ts';
import { releaseDeletedClaim } from './release.ts';

/** Declares the controller of claims: MacAllocations that a person, a script or a GitOps tool created. */
export function claimController(
  deps: ClaimDeps & Pick<Sources, 'allocations' | 'pools' | 'workloads' | 'claimChanged' | 'workloadChanged'>,
): ControllerSpec {
  const { allocations, pools, workloads, claimChanged, workloadChanged } = deps;
  const claimsBy = (index: 'consumer' | 'pool', value: string) => allocations.by(index, value).filter(isClaim);
  const keysOfConsumer = (uid: string) => claimsBy('consumer', uid).map(({ metadata }) => identityKey(metadata));
  /** A claim that waits for the address of another one goes on when that one hands it over. */
  const keysOfTarget = ({ metadata }: MacAllocation) => {
    const target = transferTarget(metadata.annotations);
    const found = target && allocations.get(formatKey(target));
    return found !== undefined && isClaim(found) ? [identityKey(found.metadata)] : [];
  };
  return {
    name: 'claim',
    watches: [
      watch(allocations, ({ object }) =>
        isClaim(object) ? [identityKey(object.metadata), ...keysOfTarget(object)] : [],
      ),
      // A pool that was missing, paused or full may now serve the claims that wait for it.
      watch(pools, ({ object }) =>
        claimsBy('pool', object.metadata.name)
          .filter(({ status }) => status?.mac === undefined)
          .map(({ metadata }) => identityKey(metadata)),
      ),
      watch(workloadChanged, keysOfConsumer),
      // The status names the node of a pod, and says that its interface has the address. Mirrors do not, so the controller of
      // pods skips these changes.
      ...[...workloads.values()].map(({ cache }) =>
        watch(cache, (change) => (isSameForClaims(change) ? [] : consumersIn(change.object).flatMap(keysOfConsumer))),
      ),
      watch(claimChanged, ({ namespace, name, uid }) =>
        uid === undefined ? [] : [identityKey({ namespace, name, uid })],
      ),
    ],
    reconcile: async (key) => {
      const identity = parseIdentityKey(key);
      const claim = allocations.get(formatKey(identity));
      if (claim?.metadata.uid !== identity.uid) return await releaseDeletedClaim(identity, deps);
      return await reconcileClaim(claim, deps);
    },
  };
}

/** Returns the uids of the workload and of the virtual machine for which it reports. */
function consumersIn({ metadata, runsFor }: Workload): readonly string[] {
  return runsFor === undefined ? [metadata.uid] : [metadata.uid, runsFor.uid];
}

/** Returns whether the status of a claim says the same about its consumer as before. */
function isSameForClaims({ type, object, before }: Change<Workload>): boolean {
  const shownOf = ({ runsOn, nics, nicsOfOwner }: Workload) => [runsOn?.node, nics, nicsOfOwner];
  return type === 'updated' && before !== undefined && isDeepStrictEqual(shownOf(object), shownOf(before));
}
