import type { ActionKind, PoolView } from '../../api/console.ts';

/** Returns the text of the button that begins an action. */
export function buttonText(kind: ActionKind, pool: PoolView): string {
  switch (kind) {
    case 'release':
      return 'Release…';
    case 'renew':
      return 'Renew…';
    case 'reserve':
      return 'Reserve…';
    case 'approve':
      return 'Approve release…';
    case 'pause':
      return pool.paused ? 'Resume…' : 'Pause…';
    case 'grow':
      return 'Grow…';
  }
}

/** Returns the heading of the dialog of an action. */
export function actionTitle(kind: ActionKind, pool: PoolView, mac: string | undefined): string {
  switch (kind) {
    case 'release':
      return `Release ${mac ?? ''}`;
    case 'renew':
      return `Renew ${mac ?? ''}`;
    case 'reserve':
      return mac === undefined ? `Reserve an address of pool ${pool.pool}` : `Reserve ${mac}`;
    case 'approve':
      return `Approve the release of addresses of pool ${pool.pool}`;
    case 'pause':
      return `${pool.paused ? 'Resume' : 'Pause'} pool ${pool.pool}`;
    case 'grow':
      return `Grow pool ${pool.pool}`;
  }
}
