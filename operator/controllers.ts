import type { Controller } from '../kube/controller/controller.ts';
import { addressRangesController } from './address-ranges/controller.ts';
import type { HeldForGuests } from './allocation/held-for-guests.ts';
import { claimController } from './claim/controller.ts';
import type { ExpiryGuard } from './claim/expiry-guard.ts';
import type { VanishedPods } from './claim/vanished-pods.ts';
import type { ContestedAddresses } from './collision/contested.ts';
import { collisionController } from './collision/controller.ts';
import type { ReportedCollisions } from './collision/reported-collisions.ts';
import { type ControllerSpec, wireController } from './controller/controller-spec.ts';
import type { OperatorDeps } from './controller/dependencies.ts';
import type { Sources } from './controller/operator-sources.ts';
import type { Elsewhere } from './link/elsewhere.ts';
import type { OnLink } from './link/on-link.ts';
import type { Scope } from './live/scope.ts';
import { mirrorController } from './mirror/controller.ts';
import type { ObservationBudget } from './observation/observation-budget.ts';
import { poolController } from './pool/controller.ts';
import { resyncController } from './resync/controller.ts';
import { schedulingGateController } from './scheduling-gate/controller.ts';
import { stickyController } from './sticky/controller.ts';
import { unreachableNodesController } from './sticky/unreachable-nodes.ts';
import type { UnusedCursor } from './sticky/unused-cursor.ts';
import type { GoneHolders } from './stock/gone-holders.ts';
import { workloadController } from './workload/controller.ts';

/** Creates every controller of the operator, subscribed to its sources and not started. */
export function createControllers(
  deps: OperatorDeps &
    Sources & {
      readonly observationBudget: ObservationBudget;
      readonly scope: Scope;
      readonly onLink: OnLink;
      readonly elsewhere: Elsewhere;
      readonly contested: ContestedAddresses;
      readonly reported: ReportedCollisions;
      readonly expiryGuard: ExpiryGuard;
      readonly vanishedPods: VanishedPods;
      readonly heldForGuests: HeldForGuests;
      readonly goneHolders: GoneHolders;
      readonly unusedCursor: UnusedCursor;
    },
): readonly Controller[] {
  const specs: readonly ControllerSpec[] = [
    claimController(deps),
    mirrorController(deps),
    stickyController(deps),
    unreachableNodesController(deps),
    poolController(deps),
    addressRangesController(deps),
    collisionController(deps),
    resyncController(deps),
    ...[...deps.workloads.values()].map((cached) => workloadController(cached, deps)),
    ...[...deps.workloads.values()]
      .filter(({ kind }) => kind.canBeGated === true)
      .map((cached) => schedulingGateController(cached, deps)),
  ];
  return specs.map((spec) => wireController(spec, deps));
}
