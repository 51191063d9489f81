import { useEffect, useMemo, useState } from 'preact/hooks';
import type { PoolView } from '../../api/console.ts';
import type { MapState } from '../../api/state-map.ts';
import { macToNumber, parseAnyMac } from '../../mac/mac-address.ts';
import { useConsole } from '../shared/context.ts';
import { formatCount } from '../shared/format.ts';
import { Failure, Loading, Missing, Notice } from '../shared/notice.tsx';
import { hashOf } from '../shared/route.ts';
import { STATE_TEXTS, STATES } from '../shared/state.tsx';
import { useData } from '../shared/use-data.ts';
import { useRested } from '../shared/use-rested.ts';
import { MapCanvas } from './map-canvas.tsx';
import { gridOf } from './map-view.ts';
import { PointedAddress } from './pointed-address.tsx';

const REFRESH_MS = 10_000;

/** The map is read again when the text of the filter has not changed for so long. */
const TYPING_MS = 200;

interface Props {
  readonly pool: string | undefined;
  /** An address to show first. */
  readonly at: string | undefined;
}

/** Every address of a pool as a cell. */
export function MapPage({ pool: name, at }: Props) {
  const { client } = useConsole();
  const pools = useData<PoolView[]>('pools', (signal) => client.get('/api/pools', {}, signal), {
    refreshMs: REFRESH_MS,
  });
  const pool = pools.value?.find((each) => each.pool === name) ?? (name === undefined ? pools.value?.[0] : undefined);
  return (
    <>
      <div class="title">
        <h1>Map</h1>
        {pools.value === undefined ? null : (
          <label>
            <span class="only-read">Pool</span>
            <select
              value={pool?.pool}
              onChange={({ currentTarget }) => {
                location.hash = hashOf({ page: 'map', pool: currentTarget.value });
              }}
            >
              {pools.value.map((each) => (
                <option key={each.pool} value={each.pool}>
                  {each.pool}
                </option>
              ))}
            </select>
          </label>
        )}
        {pool?.capacity === undefined ? null : (
          <p class="summary">
            <span class="mac">
              {pool.first} – {pool.last}
            </span>
            <span>{formatCount(pool.capacity, 'address', 'addresses')}</span>
          </p>
        )}
      </div>
      <Missing parts={['addresses']} />
      <Failure failure={pools.failure} />
      {pools.value === undefined && pools.failure === undefined ? <Loading what="the pools" /> : null}
      {pools.value !== undefined && pool === undefined ? <Notice kind="error">There is no such pool.</Notice> : null}
      {pool === undefined ? null : <PoolMap key={pool.pool} pool={pool} at={at} onChange={pools.reload} />}
    </>
  );
}

interface PoolMapProps {
  readonly pool: PoolView;
  readonly at: string | undefined;
  readonly onChange: () => void;
}

function PoolMap({ pool, at, onChange }: PoolMapProps) {
  const [states, setStates] = useState<ReadonlySet<MapState>>(new Set());
  const [wanted, setWanted] = useState('');
  const [chosen, setChosen] = useState(() => numberOf(at));
  const [pointed, setPointed] = useState<number>();
  const [text, setText] = useState('');
  const grid = useMemo(() => gridOf(pool), [pool.first, pool.last]);
  const filterText = useRested(wanted.trim(), TYPING_MS);
  const filter = useMemo(() => ({ states, text: filterText }), [states, filterText]);
  useEffect(() => {
    setChosen(numberOf(at));
  }, [at]);
  if (grid === undefined) return <Notice kind="error">The range of this pool is not valid.</Notice>;
  const cursor = numberOf(pool.cursor);
  const target = parseAnyMac(text);
  const isInside = target !== undefined && target >= pool.first && target <= pool.last;
  return (
    <div class="map">
      <div class="map-tools">
        <ul class="legend filters" aria-label="Show only these states">
          {STATES.map((state) => (
            <li key={state}>
              <button
                type="button"
                aria-pressed={states.has(state)}
                title={STATE_TEXTS[state].meaning}
                onClick={() => {
                  setStates(toggled(states, state));
                }}
              >
                <span class={`dot state-${state}`} aria-hidden="true" />
                {STATE_TEXTS[state].label}
              </button>
            </li>
          ))}
          <li>
            <input
              aria-label="Show only addresses with this text"
              placeholder="Filter: name or digits"
              title="Dims all addresses in which this text is not found: digits, or the beginning of a name, as in the search"
              autoComplete="off"
              spellcheck={false}
              maxLength={200}
              value={wanted}
              onInput={({ currentTarget }) => {
                setWanted(currentTarget.value);
              }}
            />
          </li>
        </ul>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (isInside) setChosen(macToNumber(target));
          }}
        >
          <input
            aria-label="Go to an address"
            placeholder="Go to an address"
            autoComplete="off"
            spellcheck={false}
            value={text}
            onInput={({ currentTarget }) => {
              setText(currentTarget.value);
            }}
          />
          <button type="submit" disabled={!isInside}>
            Go
          </button>
          <button
            type="button"
            disabled={cursor === undefined}
            title="the first address that was never used"
            onClick={() => {
              setChosen(cursor);
            }}
          >
            Next new address
          </button>
        </form>
      </div>
      <MapCanvas
        pool={pool.pool}
        grid={grid}
        cursor={cursor}
        filter={filter}
        chosen={chosen}
        onChoose={setChosen}
        onPoint={setPointed}
      />
      <PointedAddress address={pointed ?? chosen} pool={pool} cursor={cursor} onChange={onChange} />
    </div>
  );
}

function numberOf(mac: string | undefined): number | undefined {
  const parsed = parseAnyMac(mac ?? '');
  return parsed === undefined ? undefined : macToNumber(parsed);
}

function toggled(filter: ReadonlySet<MapState>, state: MapState): ReadonlySet<MapState> {
  const next = new Set(filter);
  if (!next.delete(state)) next.add(state);
  return next;
}
