import type { AuditEntries } from '../../api/console.ts';
import type { AuditEntryObject } from '../../api/ledger-view.ts';
import { Moment } from '../shared/moment.tsx';
import { Name } from '../shared/name.tsx';
import { StateChange } from '../shared/state-change.tsx';

/** The changes of an address, the newest first. */
export function Timeline({ entries, isCut }: AuditEntries) {
  if (entries.length === 0) return <p class="muted">No change is recorded.</p>;
  return (
    <>
      <ol class="timeline">
        {entries.map((entry) => (
          <Change key={entry.metadata.name} entry={entry} />
        ))}
      </ol>
      {isCut ? (
        <p class="muted">Only the newest {entries.length} changes are shown. The audit has all of them.</p>
      ) : null}
    </>
  );
}

function Change({ entry }: { readonly entry: AuditEntryObject }) {
  const { action, timestamp, owner, deviceId, user, actor, reason, generation } = entry;
  const holder = deviceId ?? owner;
  return (
    <li>
      <div class="change-head">
        <strong>{action}</strong>
        <StateChange before={entry.stateBefore} after={entry.state} />
        <span class="muted">
          <Moment at={timestamp} exact />
        </span>
      </div>
      {holder === undefined ? null : (
        <div>
          <Name text={holder} />
          {generation === undefined ? null : <span class="muted"> · owner no. {generation}</span>}
        </div>
      )}
      <div class="muted">
        by <Name text={user} />
        {actor === user ? null : (
          <>
            {' '}
            through <Name text={actor} />
          </>
        )}
        {reason === '' ? null : (
          <>
            : <Name text={reason} />
          </>
        )}
      </div>
    </li>
  );
}
