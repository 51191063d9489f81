import type { ActionKind, AddressDetails, ConsoleAction, PoolView } from '../../api/console.ts';
import { macToNumber, numberToMac, parseMac } from '../../mac/mac-address.ts';

/** What a person typed into the dialog of an action. */
export interface Draft {
  readonly device: string;
  readonly last: string;
  readonly count: string;
}

export interface Subject {
  readonly kind: ActionKind;
  readonly pool: PoolView;
  readonly mac?: string | undefined;
  readonly address?: AddressDetails | undefined;
}

/** Returns what the fields of the dialog begin with. */
export function emptyDraft({ pool }: Subject): Draft {
  const parsed = parseMac(pool.last);
  // One more block of 256 addresses.
  const last = parsed.ok ? numberToMac(macToNumber(parsed.mac) + 256) : '';
  return { device: '', last, count: String(heldReleases(pool) ?? '') };
}

/** Returns how many releases of a pool wait for an approval: the condition begins with the number. */
export function heldReleases(pool: PoolView): number | undefined {
  const held = pool.conditions?.find(({ type, status }) => type === 'AutoReleaseHeld' && status === 'True');
  const [number] = /^\d+/.exec(held?.message ?? '') ?? [];
  return number === undefined ? undefined : Number(number);
}

/** Returns an address with the owner that the page shows, or `undefined` if it shows none. */
function shownHolder({ mac, address }: Subject) {
  const generation = address?.generation;
  return mac === undefined || generation === undefined ? undefined : { mac, generation };
}

/** Returns the action that a draft is, or `undefined` while a field is not complete. Pure. */
export function actionOf(subject: Subject, draft: Draft): ConsoleAction | undefined {
  const { kind, pool, mac, address } = subject;
  switch (kind) {
    case 'release': {
      const shown = shownHolder(subject);
      return shown && { kind, ...shown, force: ['reserved', 'orphaned'].includes(address?.state ?? '') };
    }
    case 'renew': {
      const shown = shownHolder(subject);
      return shown && { kind, ...shown };
    }
    case 'reserve':
      return draft.device.trim() === '' ? undefined : { kind, pool: pool.pool, mac, device: draft.device.trim() };
    case 'approve': {
      const count = Number(draft.count);
      return Number.isInteger(count) && count > 0 ? { kind, pool: pool.pool, count } : undefined;
    }
    case 'pause':
      return { kind, pool: pool.pool, paused: !pool.paused };
    case 'grow': {
      const parsed = parseMac(draft.last);
      return parsed.ok && parsed.mac > pool.last ? { kind, pool: pool.pool, last: parsed.mac } : undefined;
    }
  }
}
