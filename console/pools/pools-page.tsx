import type { PoolView } from '../../api/console.ts';
import { useConsole } from '../shared/context.ts';
import { formatCount, formatNumber } from '../shared/format.ts';
import { Failure, Loading, Missing } from '../shared/notice.tsx';
import { useData } from '../shared/use-data.ts';
import { PoolCard } from './pool-card.tsx';
import { levelOf } from './segments.ts';

const REFRESH_MS = 10_000;

/** The first page: all pools. */
export function PoolsPage() {
  const { client } = useConsole();
  const pools = useData<PoolView[]>('pools', (signal) => client.get('/api/pools', {}, signal), {
    refreshMs: REFRESH_MS,
  });
  return (
    <>
      <div class="title">
        <h1>Pools</h1>
        {pools.value === undefined ? null : <Summary pools={pools.value} />}
      </div>
      <Missing parts={['addresses', 'history']} />
      <Failure failure={pools.failure} />
      {pools.value === undefined && pools.failure === undefined ? <Loading what="the pools" /> : null}
      {pools.value?.length === 0 ? <p>There is no pool yet. Define one before addresses can be handed out.</p> : null}
      <div class="pools">
        {pools.value?.map((pool) => (
          <PoolCard key={pool.pool} pool={pool} onChange={pools.reload} />
        ))}
      </div>
    </>
  );
}

function Summary({ pools }: { readonly pools: readonly PoolView[] }) {
  const capacity = pools.reduce((sum, pool) => sum + (pool.capacity ?? 0), 0);
  const free = pools.reduce((sum, pool) => sum + (pool.free ?? 0), 0);
  const high = pools.filter(({ utilisation }) => levelOf(utilisation) !== 'normal').length;
  return (
    <p class="summary">
      <span>{formatCount(pools.length, 'pool')}</span>
      <span>
        {formatNumber(capacity - free)} of {formatCount(capacity, 'address', 'addresses')} in use
      </span>
      {high > 0 ? <span class="tag high">{formatCount(high, 'pool')} above 75 %</span> : null}
    </p>
  );
}
