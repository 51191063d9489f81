import { useEffect, useState } from 'preact/hooks';
import type { AuditEntries, LedgerView, PoolView } from '../../api/console.ts';
import type { AuditEntryObject } from '../../api/ledger-view.ts';
import { useConsole } from '../shared/context.ts';
import { formatCount, formatDateTime } from '../shared/format.ts';
import { MacLink } from '../shared/link.tsx';
import { Moment } from '../shared/moment.tsx';
import { Name } from '../shared/name.tsx';
import { Failure, Loading, Missing } from '../shared/notice.tsx';
import { hashOf } from '../shared/route.ts';
import { StateChange } from '../shared/state-change.tsx';
import { useData } from '../shared/use-data.ts';
import { AuditFilterForm } from './audit-filter-form.tsx';
import { auditQueryOf } from './audit-query.ts';
import { DownloadButtons } from './download-buttons.tsx';
import { useTail } from './use-tail.ts';

const PAGE = 100;
const SEALS_REFRESH_MS = 10_000;

/** The changes of all addresses, the newest first, and new ones as they happen. */
export function AuditPage({ filter }: { readonly filter: Readonly<Record<string, string>> }) {
  const { client, about } = useConsole();
  const [limit, setLimit] = useState(PAGE);
  const [isLive, setLive] = useState(true);
  const query = auditQueryOf(filter, new Date());
  const key = JSON.stringify(filter);
  const canRead = about?.missing.every(({ part }) => part !== 'audit') ?? false;
  const page = useData<AuditEntries>(canRead ? `${key} ${String(limit)}` : undefined, (signal) =>
    client.get('/api/audit', { ...auditQueryOf(filter, new Date()), limit }, signal),
  );
  const pools = useData<PoolView[]>('pools', (signal) => client.get('/api/pools', {}, signal));
  const { entries, isNew } = useTail(client, key, page.value, auditQueryOf(filter, new Date()), isLive);
  useEffect(() => {
    setLimit(PAGE);
  }, [key]);
  return (
    <>
      <div class="title">
        <h1>Audit</h1>
        <Seals />
      </div>
      <Missing parts={['audit']} />
      {canRead ? (
        <>
          <AuditFilterForm
            key={key}
            filter={filter}
            pools={pools.value?.map(({ pool }) => pool) ?? []}
            onChange={(next) => {
              location.hash = hashOf({ page: 'audit', filter: next });
            }}
          />
          <div class="audit-tools">
            <label class="check">
              <input
                type="checkbox"
                checked={isLive}
                onChange={({ currentTarget }) => {
                  setLive(currentTarget.checked);
                }}
              />
              Follow new changes
            </label>
            <DownloadButtons query={query} />
          </div>
          <Failure failure={page.failure} />
          {page.value === undefined && page.failure === undefined ? <Loading what="the audit" /> : null}
          {page.value === undefined ? null : <Entries entries={entries} isNew={isNew} />}
          {page.value?.isCut === true && limit < 1_000 ? (
            <p>
              <button
                type="button"
                onClick={() => {
                  setLimit(Math.min(1_000, limit + 3 * PAGE));
                }}
              >
                Show more
              </button>
            </p>
          ) : null}
          {page.value?.isCut === true && limit >= 1_000 ? (
            <p class="muted">
              The newest 1,000 changes are shown. A filter shows others, and a download has up to 100,000.
            </p>
          ) : null}
        </>
      ) : null}
    </>
  );
}

interface EntriesProps {
  readonly entries: readonly AuditEntryObject[];
  readonly isNew: (entry: AuditEntryObject) => boolean;
}

function Entries({ entries, isNew }: EntriesProps) {
  if (entries.length === 0) return <p class="muted">No change fits the filter.</p>;
  return (
    <div class="table" role="region" aria-label="Changes" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Action</th>
            <th scope="col">Address</th>
            <th scope="col">Pool</th>
            <th scope="col">Change</th>
            <th scope="col">Holder</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <Row key={entry.metadata.name} entry={entry} isNew={isNew(entry)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ entry, isNew }: { readonly entry: AuditEntryObject; readonly isNew: boolean }) {
  const { timestamp, action, mac, pool, stateBefore, state, deviceId, owner, user, actor, reason } = entry;
  return (
    <tr class={isNew ? 'new' : ''}>
      <td data-head="Time">
        <time dateTime={timestamp}>{formatDateTime(timestamp)}</time>
      </td>
      <td data-head="Action">{action}</td>
      <td data-head="Address">{mac === undefined ? '' : <MacLink mac={mac} />}</td>
      <td data-head="Pool">{pool}</td>
      <td data-head="Change">
        <StateChange before={stateBefore} after={state} />
      </td>
      <td data-head="Holder">
        <Name text={deviceId ?? owner ?? ''} />
      </td>
      <td data-head="By">
        <Name text={user} />
        {actor === user ? null : (
          <span class="muted">
            {' '}
            through <Name text={actor} />
          </span>
        )}
        {reason === '' ? null : (
          <div class="muted">
            <Name text={reason} />
          </div>
        )}
      </td>
    </tr>
  );
}

/** Says whether the history is sealed against changes, and until when. */
function Seals() {
  const { client } = useConsole();
  const ledger = useData<LedgerView | null>('ledger', (signal) => client.get('/api/ledger', {}, signal), {
    refreshMs: SEALS_REFRESH_MS,
  });
  const view = ledger.value?.seals;
  if (view === undefined) return null;
  return (
    <p class="summary">
      {view.seq === undefined ? (
        <span>Nothing is sealed yet.</span>
      ) : (
        <span title={`seal ${String(view.seq)}, hash ${view.hash ?? ''}`}>
          Seal no. {view.seq}, {view.sealedAt === undefined ? '' : <Moment at={view.sealedAt} />}
        </span>
      )}
      <span class={view.unsealed > 0 ? '' : 'muted'}>{formatCount(view.unsealed, 'change')} not sealed yet</span>
      {view.forks === 0 ? null : <span class="tag high">{formatCount(view.forks, 'fork')} by a failover</span>}
    </p>
  );
}
