import type { Controller } from '../kube/controller/controller.ts';
import type { OperatorDeps } from './dependencies.ts';
import { claimController } from './claim/controller.ts';
import { mirrorController } from './mirror/controller.ts';
import { poolController } from './pool/controller.ts';
import { resyncController } from './resync/controller.ts';
import { wireController, type ControllerSpec } from './wiring/controller-spec.ts';
import type { Sources } from './wiring/operator-sources.ts';
import { workloadController } from './workload/controller.ts';

/** Creates every controller of the operator, subscribed to its sources and not started. */
export function createControllers(deps: OperatorDeps & Sources): readonly Controller[] {
  const specs: readonly ControllerSpec[] = [
    claimController(deps),
    mirrorController(deps),
    poolController(deps),
    resyncController(deps),
    ...[...deps.workloads.values()].map((cached) => workloadController(cached, deps)),
  ];
  return specs.map((spec) => wireController(spec, deps));
}
