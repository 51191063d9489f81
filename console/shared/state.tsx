import { FOUND, MAP_STATES, type MapState } from '../../api/state-map.ts';

/** A state with the words for people. */
interface StateText {
  readonly label: string;
  readonly meaning: string;
}

export const STATE_TEXTS: Readonly<Record<MapState, StateText>> = {
  active: { label: 'active', meaning: 'held by an object or a device' },
  pending: { label: 'pending', meaning: 'given to an object that was not seen yet; a lease ends it' },
  stocked: { label: 'stock', meaning: 'set aside for webhooks, which give them to new pods' },
  reserved: { label: 'reserved', meaning: 'held until it is released with --force' },
  stickyUnused: { label: 'sticky, unused', meaning: 'belongs to the name of an object that does not exist now' },
  orphaned: { label: 'orphaned', meaning: 'perhaps in use: its owner may or may not exist' },
  observed: { label: 'observed', meaning: 'a live object uses it without owning it' },
  waiting: { label: 'waiting for reuse', meaning: 'released; the reuse delay has not passed' },
  freeAgain: { label: 'free again', meaning: 'was used before, and can be handed out' },
  neverUsed: { label: 'never used', meaning: 'no owner ever had it' },
};

/** The states in the order of legends: held ones, then those that wait, then free ones. */
export const STATES = Object.keys(STATE_TEXTS) as readonly MapState[];

const BY_BYTE: ReadonlyMap<number, MapState> = new Map(STATES.map((state) => [MAP_STATES[state], state]));

/** Returns the state of a byte of a map. One that this page does not know counts as orphaned: in doubt it is in use. */
export function stateOfByte(byte: number): MapState {
  return BY_BYTE.get(byte & ~FOUND) ?? 'orphaned';
}

/** Returns the state that the ledger's own word for an address belongs to. */
export function stateOfAddress(address: {
  readonly state: string;
  readonly observed?: boolean | undefined;
  readonly sticky?: boolean | undefined;
  readonly missingSince?: string | undefined;
  readonly reusableAt?: string | undefined;
}): MapState {
  const { state, observed, sticky, missingSince, reusableAt } = address;
  if (state === 'released') {
    if (observed === true) return 'observed';
    return reusableAt !== undefined && new Date(reusableAt) > new Date() ? 'waiting' : 'freeAgain';
  }
  if (state === 'active' && sticky === true && missingSince !== undefined) return 'stickyUnused';
  return STATES.find((each) => each === state) ?? 'orphaned';
}

/** Shows a state by its colour and its word. */
export function StateBadge({ state, text }: { readonly state: MapState; readonly text?: string }) {
  return (
    <span class="badge" title={STATE_TEXTS[state].meaning}>
      <span class={`dot state-${state}`} aria-hidden="true" />
      {text ?? STATE_TEXTS[state].label}
    </span>
  );
}
