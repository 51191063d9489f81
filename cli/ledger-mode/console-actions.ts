import type { ActionKind, ActionResult, AddressDetails } from '../../api/console.ts';
import { mayCall } from '../../ledger/connection/may-call.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { livingCluster } from '../../ledger/state/clusters.ts';
import type { Backend } from '../backend.ts';
import { poolChange, resultOf, resultOfRelease } from '../console/action-result.ts';
import type { ParsedAction } from '../console/parameters.ts';
import { planAction } from '../console/plan-action.ts';
import type { ConsoleActions, ConsoleData } from '../console/source.ts';

type Actor = Pick<Backend, 'release' | 'renew' | 'reserve' | 'changePool'>;

/** The function of the ledger that each action calls. */
const FUNCTIONS = {
  ...{ release: 'release', renew: 'renew', reserve: 'allocate' },
  ...{ pause: 'pause_pool', grow: 'grow_pool' },
} as const satisfies Partial<Record<ActionKind, string>>;

type Fitting = keyof typeof FUNCTIONS;

/** Changes addresses of a ledger with the functions of the commands, if the login may call them. */
export function createLedgerActions(
  ledger: Queryable,
  backend: Actor,
  data: Pick<ConsoleData, 'address' | 'pools'>,
): ConsoleActions {
  return {
    allowed: async ({ pool, mac }) => {
      const fitting = mac === undefined ? await actionsOfPool(ledger, pool) : actionsOfAddress(await data.address(mac));
      const allowed = await Promise.all(fitting.map((kind) => mayCall(ledger, FUNCTIONS[kind])));
      return fitting.filter((_, index) => allowed[index]);
    },
    plan: async (action) => {
      const [address, pools] = await Promise.all([
        'mac' in action && action.mac !== undefined ? data.address(action.mac) : undefined,
        data.pools(),
      ]);
      const name = 'pool' in action ? action.pool : address?.pool;
      return planAction(action, { mode: 'ledger', address, pool: pools.find(({ pool }) => pool === name), pools });
    },
    act: (action) => act(action, backend),
  };
}

/** Pools that clusters define or pause are changed there, in their MacPools. */
async function actionsOfPool(ledger: Queryable, name: string): Promise<readonly Fitting[]> {
  const pool = (await listPools(ledger)).find((each) => each.name === name);
  if (pool === undefined || (await livingCluster(ledger, pool.clusterId)) !== undefined) return ['reserve'];
  const pausedBy = await livingCluster(ledger, pool.pausedBy);
  return pausedBy === undefined ? ['reserve', 'pause', 'grow'] : ['reserve', 'grow'];
}

/** Objects of clusters release their addresses themselves, and time does not end what is reserved. */
function actionsOfAddress(address: AddressDetails | undefined): readonly Fitting[] {
  if (address === undefined || address.state === 'released') return ['reserve'];
  if (address.owner !== undefined) return address.keptSince === undefined ? [] : ['release'];
  return address.state === 'active' ? ['release', 'renew'] : ['release'];
}

async function act(action: ParsedAction, backend: Actor): Promise<ActionResult> {
  switch (action.kind) {
    case 'release': {
      const { mac, force, generation } = action;
      return resultOfRelease(mac, await backend.release({ kind: 'mac', text: mac, mac }, { force, generation }));
    }
    case 'renew': {
      const { mac, seconds, generation } = action;
      const result = await backend.renew({ kind: 'mac', text: mac, mac }, { seconds, generation });
      return resultOf(result, ([address]) =>
        address === undefined
          ? `${mac} is not held any more.`
          : `${mac} is held until ${address.expiresAt?.toISOString() ?? 'it is released'}.`,
      );
    }
    case 'reserve': {
      const { pool, mac, device } = action;
      const result = await backend.reserve({ pool, mac, device: { id: device, type: 'reserved' }, metadata: {} });
      return resultOf(result, (address) => `${address.mac} is reserved for ${device}.`);
    }
    case 'pause':
    case 'grow':
      return resultOf(await backend.changePool(poolChange(action)), (line) => `${line}.`);
    case 'approve':
      return { kind: 'refused', message: 'Releases are approved in a cluster. Open the dashboard there.' };
  }
}
