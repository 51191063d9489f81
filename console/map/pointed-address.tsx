import type { AddressDetails, PoolView } from '../../api/console.ts';
import { ActionButtons } from '../actions/action-buttons.tsx';
import { useConsole } from '../shared/context.ts';
import { MacLink } from '../shared/link.tsx';
import { Name } from '../shared/name.tsx';
import { StateBadge, stateOfAddress } from '../shared/state.tsx';
import { useData } from '../shared/use-data.ts';
import { useRested } from '../shared/use-rested.ts';
import { macOf } from './map-view.ts';

/** The pointer rests this long before the holder is loaded. */
const REST_MS = 80;

interface Props {
  readonly address: number | undefined;
  readonly pool: PoolView;
  readonly cursor: number | undefined;
  readonly onChange: () => void;
}

/** Says what the cell is that the pointer or the keyboard is at. It has a place of its own, so it never hides the map. */
export function PointedAddress({ address, pool, cursor, onChange }: Props) {
  const { client } = useConsole();
  const rested = useRested(address, REST_MS);
  const mac = rested === undefined ? undefined : macOf(rested);
  const found = useData<AddressDetails | null>(mac, (signal) => client.get('/api/address', { mac }, signal));
  if (address === undefined || mac === undefined) {
    return (
      <aside class="panel pointed" aria-label="Address">
        <p class="muted">
          Point at a cell to see who has the address. A click opens it, and dragging enlarges a part. With the keyboard:
          arrow keys, Enter, + and −.
        </p>
      </aside>
    );
  }
  const details = found.value ?? undefined;
  const holder = details === undefined ? '' : holderOf(details);
  return (
    <aside class="panel pointed" aria-label="Address" aria-live="polite">
      <p class="pointed-mac">
        <MacLink mac={macOf(address)} />
      </p>
      {found.value === undefined || address !== rested ? (
        <p class="muted">…</p>
      ) : (
        <>
          <p>
            <StateBadge state={details === undefined ? 'neverUsed' : stateOfAddress(details)} />
          </p>
          {holder === '' ? null : (
            <p>
              <Name text={holder} />
            </p>
          )}
          {details === undefined ? null : (
            <p class="muted">
              <Name text={details.next} />
            </p>
          )}
          {address === cursor ? <p>The next new address that the pool hands out.</p> : null}
          <div class="actions">
            <ActionButtons pool={pool} mac={mac} address={details} onDone={onChange} />
          </div>
        </>
      )}
    </aside>
  );
}

function holderOf({ device, owner, state }: AddressDetails): string {
  const holder = device?.id ?? (owner === undefined ? '' : `${owner.kind} ${owner.namespace}/${owner.name}`);
  return holder !== '' && state === 'released' ? `last: ${holder}` : holder;
}
