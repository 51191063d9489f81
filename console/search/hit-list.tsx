import type { SearchHit } from '../../api/console.ts';
import { Name } from '../shared/name.tsx';
import { StateBadge, stateOfAddress } from '../shared/state.tsx';

const FOUND_IN: Readonly<Record<SearchHit['found'], string>> = {
  address: 'address',
  device: 'device',
  owner: 'holder',
  consumer: 'used by',
  namespace: 'namespace',
  cluster: 'cluster',
  metadata: 'metadata',
};

/** Shows an address that was found: what it is, who has it, and where the text was found. */
export function Hit({ hit }: { readonly hit: SearchHit }) {
  const { mac, pool, state, holder, found, value, cluster } = hit;
  return (
    <span class="hit">
      <span class="mac">{mac}</span>
      <span class="hit-holder">{holder === '' ? <span class="muted">no holder</span> : <Name text={holder} />}</span>
      <span class="hit-where">
        {found === 'address' || holder.includes(value) ? null : (
          <span class="muted">
            {FOUND_IN[found]} <Name text={value} />
          </span>
        )}
        {cluster === undefined ? null : (
          <span class="muted">
            in <Name text={cluster} />
          </span>
        )}
        <span class="muted">{pool}</span>
        <StateBadge state={stateOfAddress({ state })} text={state} />
      </span>
    </span>
  );
}
