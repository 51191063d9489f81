import type { SearchHit } from '../../api/console.ts';
import { useConsole } from '../shared/context.ts';
import { formatCount } from '../shared/format.ts';
import { Name } from '../shared/name.tsx';
import { Failure, Loading, Missing } from '../shared/notice.tsx';
import { hashOf } from '../shared/route.ts';
import { useData } from '../shared/use-data.ts';
import { Hit } from './hit-list.tsx';

const LIMIT = 200;

/** All results of a search. */
export function SearchPage({ text }: { readonly text: string }) {
  const { client } = useConsole();
  const wanted = text.trim();
  const hits = useData<SearchHit[]>(wanted === '' ? undefined : wanted, (signal) =>
    client.get('/api/search', { q: wanted, limit: LIMIT }, signal),
  );
  return (
    <>
      <h1>
        Results for{' '}
        <q>
          <Name text={text} />
        </q>
      </h1>
      <Missing parts={['addresses']} />
      <Failure failure={hits.failure} />
      {hits.value === undefined ? (
        wanted === '' || hits.failure !== undefined ? null : (
          <Loading what="results" />
        )
      ) : (
        <>
          <p class="muted" role="status">
            {hits.value.length === LIMIT
              ? `The first ${String(LIMIT)} addresses. A longer text finds fewer.`
              : `${formatCount(hits.value.length, 'address', 'addresses')} found.`}
          </p>
          {hits.value.length === 0 ? <Hints /> : null}
          <ul class="hits">
            {hits.value.map((hit) => (
              <li key={hit.mac}>
                <a href={hashOf({ page: 'address', mac: hit.mac })}>
                  <Hit hit={hit} />
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Hints() {
  return (
    <ul class="hints">
      <li>
        An address in any notation, or a part of one: <code>a4:58:0f:00:12</code>, <code>A458.0F00.1234</code>,{' '}
        <code>12:34</code>
      </li>
      <li>The beginning of the name of a device, a pod, a virtual machine, a claim or a cluster</li>
      <li>
        A namespace, or a namespace and a name: <code>shop/web-0</code>
      </li>
      <li>A value of the metadata of a device</li>
    </ul>
  );
}
