import type { ActionKind, ActionResult } from '../../api/console.ts';
import { mayCall } from '../../ledger/connection/may-call.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import type { Backend } from '../backend.ts';
import { resultOf, resultOfRelease } from '../console/action-result.ts';
import type { ParsedAction } from '../console/parameters.ts';
import { planAction } from '../console/plan-action.ts';
import type { ConsoleActions, ConsoleData } from '../console/source.ts';

type Actor = Pick<Backend, 'release' | 'renew' | 'reserve'>;

/** The function of the ledger that each action calls. Pools are changed where they are defined: in their MacPools. */
const FUNCTIONS = { release: 'release', renew: 'renew', reserve: 'allocate' } as const satisfies Partial<
  Record<ActionKind, string>
>;

/** Changes addresses of a ledger with the functions of the commands, if the login may call them. */
export function createLedgerActions(
  ledger: Queryable,
  backend: Actor,
  data: Pick<ConsoleData, 'address' | 'pools'>,
): ConsoleActions {
  return {
    allowed: async ({ mac }) => {
      const address = mac && (await data.address(mac));
      const isFree = address === undefined || address.state === 'released';
      // Objects of clusters release their addresses themselves, and time does not end what is reserved.
      const fitting: (keyof typeof FUNCTIONS)[] = [];
      if (isFree) fitting.push('reserve');
      else if (address.owner === undefined || address.keptSince !== undefined) fitting.push('release');
      if (address?.state === 'active' && address.owner === undefined) fitting.push('renew');
      const allowed = await Promise.all(fitting.map((kind) => mayCall(ledger, FUNCTIONS[kind])));
      return fitting.filter((_, index) => allowed[index]);
    },
    plan: async (action) => {
      const [address, pools] = await Promise.all([
        'mac' in action && action.mac !== undefined ? data.address(action.mac) : undefined,
        data.pools(),
      ]);
      const name = 'pool' in action ? action.pool : address?.pool;
      return planAction(action, { mode: 'ledger', address, pool: pools.find(({ pool }) => pool === name) });
    },
    act: (action) => act(action, backend),
  };
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
    default:
      return { kind: 'refused', message: 'A ledger has no such action. Change the MacPool in its cluster.' };
  }
}
