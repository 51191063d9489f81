import { formatKey } from '../../kube/client/objects.ts';
import { isMirror } from '../mirror/mirror.ts';
import { watch, type ControllerSpec } from '../wiring/controller-spec.ts';
import { identityKey, parseIdentityKey } from '../wiring/identity-key.ts';
import type { Sources } from '../wiring/operator-sources.ts';
import { reconcileClaim, type ClaimDeps } from './reconcile.ts';
import { releaseDeletedClaim } from './release.ts';

/** Declares the controller of claims: MacAllocations that a person, a script or a GitOps tool created. */
export function claimController(
  deps: ClaimDeps & Pick<Sources, 'allocations' | 'pools' | 'claimChanged' | 'workloadChanged'>,
): ControllerSpec {
  const { allocations, pools, claimChanged, workloadChanged } = deps;
  const claimsBy = (index: 'consumer' | 'pool', value: string) =>
    allocations.by(index, value).filter((allocation) => !isMirror(allocation));
  return {
    name: 'claim',
    watches: [
      watch(allocations, ({ object }) => (isMirror(object) ? [] : [identityKey(object.metadata)])),
      // A pool that was missing, paused or full may now serve the claims that wait for it.
      watch(pools, ({ object }) =>
        claimsBy('pool', object.metadata.name)
          .filter(({ status }) => status?.mac === undefined)
          .map(({ metadata }) => identityKey(metadata)),
      ),
      watch(workloadChanged, (uid) => claimsBy('consumer', uid).map(({ metadata }) => identityKey(metadata))),
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
