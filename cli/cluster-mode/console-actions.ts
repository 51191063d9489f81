import type { ActionKind, ActionResult, AddressDetails } from '../../api/console.ts';
import { ANNOTATIONS, GROUP } from '../../api/names.ts';
import { macPools } from '../../kube/client/mac-resources.ts';
import { type Access, reviewOwnAccess } from '../../kube/client/reviews.ts';
import type { Backend } from '../backend.ts';
import { poolChange, resultOf, resultOfRelease } from '../console/action-result.ts';
import type { ParsedAction } from '../console/parameters.ts';
import { planAction } from '../console/plan-action.ts';
import type { ConsoleActions, ConsoleData } from '../console/source.ts';
import { explainKubeError } from './explain-kube-error.ts';
import type { Scope } from './scope.ts';

type BackendIn = (scope: Scope) => Pick<Backend, 'release' | 'renew' | 'reserve' | 'changePool'>;

/** Changes claims and MacPools through the API of the cluster, if the user may (SelfSubjectAccessReview). */
export function createClusterActions(
  scope: Scope,
  backendIn: BackendIn,
  data: Pick<ConsoleData, 'address' | 'pools'>,
): ConsoleActions {
  return {
    allowed: async ({ pool, mac }) => {
      const address = mac && (await data.address(mac));
      const fitting = mac === undefined ? actionsOfPool(pool, scope) : actionsOfAddress(pool, address, scope);
      const allowed = await Promise.all(
        fitting.map(async ({ needs }) => {
          const reviews = await Promise.all(needs.map((access) => reviewOwnAccess(scope.client, access)));
          return reviews.every(Boolean);
        }),
      );
      return fitting.filter((_, index) => allowed[index]).map(({ kind }) => kind);
    },
    plan: async (action) => {
      const [address, pools] = await Promise.all([
        'mac' in action && action.mac !== undefined ? data.address(action.mac) : undefined,
        data.pools(),
      ]);
      const name = 'pool' in action ? action.pool : address?.pool;
      const pool = pools.find((each) => each.pool === name);
      return planAction(action, { mode: 'cluster', namespace: scope.namespace, address, pool, pools });
    },
    act: async (action) => {
      try {
        const address = 'mac' in action && action.mac !== undefined ? await data.address(action.mac) : undefined;
        return await act(action, address, scope, backendIn);
      } catch (error) {
        throw explainKubeError(error, scope.namespace);
      }
    },
  };
}

interface Fitting {
  readonly kind: ActionKind;
  /** Every one of them is needed. */
  readonly needs: readonly Access[];
}

function actionsOfPool(name: string, scope: Scope): Fitting[] {
  const patch = [poolAccess('patch', name)];
  return [reservation(name, scope), ...(['approve', 'pause', 'grow'] as const).map((kind) => ({ kind, needs: patch }))];
}

function actionsOfAddress(pool: string, address: AddressDetails | undefined, scope: Scope): Fitting[] {
  if (address === undefined || address.state === 'released') return [reservation(pool, scope)];
  const { owner, expiresAt, state } = address;
  if (owner?.kind !== 'MacAllocation') return [];
  const { namespace, name } = owner;
  const patch = claimAccess('patch', namespace, name);
  // An annotation forces the release of a reserved address.
  const needs = [claimAccess('delete', namespace, name), ...(state === 'reserved' ? [patch] : [])];
  const release: Fitting = { kind: 'release', needs };
  return expiresAt === undefined ? [release] : [release, { kind: 'renew', needs: [patch] }];
}

function reservation(pool: string, { namespace }: Scope): Fitting {
  const needs = [
    claimAccess('create', namespace),
    { ...poolAccess('use', pool), namespace },
    { ...poolAccess('reserve', pool), namespace },
  ];
  return { kind: 'reserve', needs };
}

function poolAccess(verb: string, name: string) {
  return { verb, group: GROUP, resource: 'macpools', name };
}

function claimAccess(verb: string, namespace: string, name?: string): Access {
  return { verb, group: GROUP, resource: 'macallocations', namespace, name };
}

async function act(
  action: ParsedAction,
  address: AddressDetails | undefined,
  scope: Scope,
  backendIn: BackendIn,
): Promise<ActionResult> {
  switch (action.kind) {
    case 'release':
    case 'renew': {
      const { mac, generation } = action;
      const target = { kind: 'mac', text: mac, mac } as const;
      const namespace = address?.owner?.namespace ?? scope.namespace;
      const backend = backendIn({ ...scope, namespace, allNamespaces: false });
      if (action.kind === 'release')
        return resultOfRelease(mac, await backend.release(target, { force: action.force, generation }));
      return resultOf(await backend.renew(target, { seconds: action.seconds, generation }), ([renewed]) =>
        renewed === undefined
          ? `${mac} is not held any more.`
          : `${mac} is held until ${renewed.expiresAt?.toISOString() ?? 'it is released'}.`,
      );
    }
    case 'reserve': {
      const { pool, mac, device } = action;
      const request = { pool, mac, device: { id: device, type: 'reserved' }, metadata: {} };
      return resultOf(
        await backendIn(scope).reserve(request),
        (reserved) => `${reserved.mac} is reserved for ${device}.`,
      );
    }
    case 'approve':
      await approveRelease(action.pool, action.count, scope);
      return { kind: 'done', message: 'The release is approved. The next resync makes it.' };
    case 'pause':
    case 'grow':
      return resultOf(await backendIn(scope).changePool(poolChange(action)), (line) => `${line}.`);
  }
}

async function approveRelease(name: string, count: number, { client }: Scope): Promise<void> {
  const body = { metadata: { annotations: { [ANNOTATIONS.approveRelease]: String(count) } } };
  await client.patch(macPools, { name }, { type: 'merge', body }, { repeatable: true });
}
