import type { HistoryPoint, PoolView } from '../../api/console.ts';
import { ActionButtons } from '../actions/action-buttons.tsx';
import { useConsole } from '../shared/context.ts';
import { formatPercent } from '../shared/format.ts';
import { Moment } from '../shared/moment.tsx';
import { Name } from '../shared/name.tsx';
import { hashOf } from '../shared/route.ts';
import { useData } from '../shared/use-data.ts';
import { useVisible } from '../shared/use-visible.ts';
import { daysOf } from './daily.ts';
import { forecast } from './forecast.ts';
import { forecastText } from './forecast-text.ts';
import { HistoryChart } from './history-chart.tsx';
import { PoolBar } from './pool-bar.tsx';
import { levelOf } from './segments.ts';

const DAYS = 30;
const REFRESH_MS = 60_000;

/** One pool: how full it is, how it became so, when it is full, and what is wrong with it. */
export function PoolCard({ pool, onChange }: { readonly pool: PoolView; readonly onChange: () => void }) {
  const { client, now, about } = useConsole();
  const [card, isVisible] = useVisible<HTMLElement>();
  const hasHistory = about?.missing.every(({ part }) => part !== 'history') ?? false;
  const history = useData<HistoryPoint[]>(
    isVisible && hasHistory ? pool.pool : undefined,
    (signal) => client.get('/api/history', { pool: pool.pool, days: DAYS }, signal),
    { refreshMs: REFRESH_MS },
  );
  const { utilisation } = pool;
  return (
    <article ref={card} class="pool" aria-labelledby={`pool-${pool.pool}`}>
      <div class="pool-head">
        <h2 id={`pool-${pool.pool}`}>{pool.pool}</h2>
        {pool.paused ? <span class="tag high">paused</span> : null}
        <span class={`pool-use ${levelOf(utilisation)}`}>
          {utilisation === undefined ? '–' : formatPercent(utilisation)}
        </span>
      </div>
      <p class="pool-about">
        <span class="muted">{pool.description === '' ? 'no description' : <Name text={pool.description} />}</span>
        <span class="mac muted">
          {pool.first} – {pool.last}
        </span>
        {pool.strategy === 'random' ? <span class="muted">random order</span> : null}
      </p>
      <PoolBar pool={pool} />
      {history.value === undefined ? (
        <div class={hasHistory ? 'history placeholder' : ''} />
      ) : (
        <>
          <HistoryChart days={daysOf(history.value, DAYS, now)} />
          <p class="pool-forecast">{forecastText(forecast(history.value, pool.free, now))}</p>
        </>
      )}
      <Conditions pool={pool} />
      <div class="actions">
        <a class="button" href={hashOf({ page: 'map', pool: pool.pool })}>
          Map
        </a>
        <a class="button" href={hashOf({ page: 'audit', filter: { pool: pool.pool } })}>
          Audit
        </a>
        {isVisible ? <ActionButtons pool={pool} onDone={onChange} /> : null}
      </div>
    </article>
  );
}

/** The conditions that are not as they should be: Ready, or any other one that is true. */
function Conditions({ pool }: { readonly pool: PoolView }) {
  const notable = (pool.conditions ?? []).filter(({ type, status }) =>
    type === 'Ready' ? status !== 'True' : status === 'True',
  );
  if (notable.length === 0) return null;
  return (
    <ul class="conditions">
      {notable.map(({ type, reason, message, since }) => (
        <li key={type}>
          <strong>
            {type} ({reason})
          </strong>{' '}
          <Name text={message} />
          {since === undefined ? null : (
            <>
              {' '}
              <Moment at={since} />
            </>
          )}
        </li>
      ))}
    </ul>
  );
}
