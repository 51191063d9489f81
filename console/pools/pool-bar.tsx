import type { PoolView } from '../../api/console.ts';
import { formatCount, formatNumber, formatPercent } from '../shared/format.ts';
import { STATE_TEXTS } from '../shared/state.tsx';
import { levelOf, type Segment, segmentsOf, STEPS } from './segments.ts';

/** Shows how full a pool is, by states, with marks at the steps. */
export function PoolBar({ pool }: { readonly pool: PoolView }) {
  const { capacity, utilisation, free } = pool;
  const segments = segmentsOf(pool);
  if (capacity === undefined || utilisation === undefined) {
    return <p class="muted">Nobody has published the counts of this pool yet.</p>;
  }
  const parts = segments.map(({ state, count }) => `${formatNumber(count)} ${STATE_TEXTS[state].label}`).join(', ');
  const label = `${formatPercent(utilisation)} of ${formatCount(capacity, 'address', 'addresses')} in use${parts === '' ? '' : `: ${parts}`}`;
  return (
    <>
      <div class={`bar ${levelOf(utilisation)}`} role="img" aria-label={label}>
        {segments.map((segment) => (
          <Part key={segment.state} segment={segment} />
        ))}
        {STEPS.map((step) => (
          <span key={step} class="bar-step" style={{ left: `${String(step)}%` }} title={`${String(step)} %`} />
        ))}
      </div>
      <ul class="legend">
        {segments.map(({ state, count }) => (
          <li key={state} title={STATE_TEXTS[state].meaning}>
            <span class={`dot state-${state}`} aria-hidden="true" />
            {formatNumber(count)} {STATE_TEXTS[state].label}
          </li>
        ))}
        {free === undefined ? null : (
          <li title="never used, or released and past the reuse delay">
            <span class="dot state-neverUsed" aria-hidden="true" />
            {formatNumber(free)} free
          </li>
        )}
      </ul>
    </>
  );
}

function Part({ segment: { state, count, percent } }: { readonly segment: Segment }) {
  return (
    <span
      class={`bar-part state-${state}`}
      style={{ width: `${String(percent)}%` }}
      title={`${formatNumber(count)} ${STATE_TEXTS[state].label}`}
    />
  );
}
