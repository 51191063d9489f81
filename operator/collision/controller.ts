import { isDeepStrictEqual } from 'node:util';
import { macOf } from '../../api/mac-allocation.ts';
import { keyOf } from '../../kube/client/objects.ts';
import type { Change } from '../../kube/controller/object-cache.ts';
import { type MacAddress, parseAnyMac } from '../../mac/mac-address.ts';
import { type ControllerSpec, watch } from '../controller/controller-spec.ts';
import type { Sources } from '../controller/operator-sources.ts';
import type { Workload } from '../live/workload.ts';
import { saysConflict } from './publish-condition.ts';
import { type CollisionDeps, reconcileCollision } from './reconcile.ts';

/** Declares the controller of collisions. Its keys are addresses. */
export function collisionController(deps: CollisionDeps & Pick<Sources, 'namespaces' | 'networks'>): ControllerSpec {
  const { allocations, workloads, namespaces, networks, elsewhere, contested } = deps;
  const onWireWhere = (holds: (workload: Workload) => boolean) =>
    [...workloads.values()].flatMap(({ cache }) => cache.list().filter(holds).flatMap(macsOnWire));
  return {
    name: 'collision',
    watches: [
      ...[...workloads.values()].map(({ cache }) =>
        watch(cache, (change) => [...macsThatChanged(change), ...contestedMacs(change, deps)]),
      ),
      watch(networks, ({ type, object, before }) => {
        const isSame = before?.segment === object.segment && before.sharesAddress === object.sharesAddress;
        if (type === 'resync' || (type === 'updated' && isSame)) return [];
        return onWireWhere(({ onWire = [] }) => onWire.some(({ network }) => network === keyOf(object)));
      }),
      watch(namespaces, ({ type, object, before }) => {
        const isSame = before?.managesPods === object.managesPods && before.managesMachines === object.managesMachines;
        if (type === 'resync' || (type === 'updated' && isSame)) return [];
        return onWireWhere(({ metadata }) => metadata.namespace === object.metadata.name);
      }),
      // A mirror may be created after the collision began, and a condition may be left from an earlier leader.
      watch(allocations, ({ type, object }) => {
        const mac = parseAnyMac(macOf(object) ?? '');
        if (mac === undefined || type === 'deleted') return [];
        return saysConflict(object) || deps.reported.has(mac) || contested.of(mac).length > 0 ? [mac] : [];
      }),
      watch(elsewhere.changed, (mac) => [mac]),
      watch(contested.changed, (mac) => [mac]),
    ],
    reconcile: (key) => {
      const mac = parseAnyMac(key);
      return mac === undefined ? Promise.resolve(undefined) : reconcileCollision(mac, deps);
    },
  };
}

function macsOnWire({ onWire = [] }: Workload): readonly MacAddress[] {
  return onWire.map(({ mac }) => mac);
}

/** Returns the addresses that a running object has or had, if they may be shared otherwise than before. */
function macsThatChanged({ type, object, before }: Change<Workload>): readonly MacAddress[] {
  if (type === 'deleted') return macsOnWire(before ?? object);
  if (type === 'resync') return [];
  const isSame = isDeepStrictEqual(
    [object.onWire, object.migrations, object.migratesAcross, object.metadata.uid],
    [before?.onWire, before?.migrations, before?.migratesAcross, before?.metadata.uid],
  );
  return isSame ? [] : [...new Set([...macsOnWire(object), ...(before === undefined ? [] : macsOnWire(before))])];
}

/** Returns the addresses of others that an object no longer uses. */
function contestedMacs(
  { type, object, before }: Change<Workload>,
  { contested }: CollisionDeps,
): readonly MacAddress[] {
  if (type !== 'deleted' && type !== 'updated') return [];
  const used = new Set([...(before?.nics ?? []), ...object.nics].map(({ mac }) => mac));
  return [...used].filter((mac) => contested.of(mac).length > 0);
}
