import type { ComponentChildren } from 'preact';
import type { ClusterView, LedgerView } from '../../api/console.ts';
import { useConsole } from '../shared/context.ts';
import { formatCount, formatNumber } from '../shared/format.ts';
import { Moment } from '../shared/moment.tsx';
import { Name } from '../shared/name.tsx';
import { Failure, Loading, Missing, Notice } from '../shared/notice.tsx';
import { useData } from '../shared/use-data.ts';
import { problemsOf } from './problems.ts';

const REFRESH_MS = 5_000;

/** The clusters of the ledger, and the ledger itself. */
export function ClustersPage() {
  const { client, about } = useConsole();
  const options = { refreshMs: REFRESH_MS };
  const clusters = useData<ClusterView[]>('clusters', (signal) => client.get('/api/clusters', {}, signal), options);
  const ledger = useData<LedgerView | null>('ledger', (signal) => client.get('/api/ledger', {}, signal), options);
  const view = ledger.value ?? undefined;
  const canRead = about?.missing.every(({ part }) => part !== 'clusters') ?? false;
  return (
    <>
      <div class="title">
        <h1>Clusters</h1>
        {clusters.value === undefined || !canRead ? null : (
          <p class="summary">{formatCount(clusters.value.length, 'cluster')}</p>
        )}
      </div>
      <Missing parts={['clusters', 'ledger']} />
      <Failure failure={clusters.failure ?? ledger.failure} />
      {view === undefined ? null : <Ledger ledger={view} />}
      {clusters.value === undefined && clusters.failure === undefined ? <Loading what="the clusters" /> : null}
      {canRead && clusters.value?.length === 0 ? (
        <p class="muted">No cluster has registered with this ledger.</p>
      ) : null}
      <div class="clusters">
        {clusters.value?.map((cluster) => (
          <Cluster key={cluster.clusterId} cluster={cluster} ledger={view} />
        ))}
      </div>
    </>
  );
}

function Ledger({ ledger }: { readonly ledger: LedgerView }) {
  const { mode, epoch, durability, prefixes, auditHead, schemaVersion, postgresVersion, closed, expiryHeld, waitsFor } =
    ledger;
  return (
    <section class="panel" aria-labelledby="ledger">
      <h2 id="ledger">Ledger</h2>
      {closed === undefined ? null : (
        <Notice kind="error">
          <Name text={closed} />
          {waitsFor.length === 0 ? null : (
            <>
              {' '}
              It waits for <Name text={waitsFor.join(', ')} />.
            </>
          )}
        </Notice>
      )}
      {expiryHeld === undefined ? null : (
        <Notice kind="warning">
          <Name text={expiryHeld} />
        </Notice>
      )}
      <dl class="facts wide">
        <Fact name="State">
          {closed === undefined ? (
            <span class="tag good">hands out addresses</span>
          ) : (
            <span class="tag critical">{mode}</span>
          )}
        </Fact>
        <Fact name="Epoch">{formatNumber(epoch)}</Fact>
        <Fact name="Durability">{durability}</Fact>
        <Fact name={prefixes.length === 1 ? 'Prefix' : 'Prefixes'}>
          <span class="mac">{prefixes.join(', ')}</span>
        </Fact>
        <Fact name="Audit">{formatCount(auditHead, 'change')}</Fact>
        {schemaVersion === undefined ? null : <Fact name="Schema">version {schemaVersion}</Fact>}
        {postgresVersion === undefined ? null : <Fact name="Postgres">{postgresVersion}</Fact>}
      </dl>
    </section>
  );
}

function Cluster({ cluster, ledger }: { readonly cluster: ClusterView; readonly ledger: LedgerView | undefined }) {
  const { now } = useConsole();
  const { name, clusterId, addresses, objects, orphaned, observed, lastResyncAt, adoptedAt, registeredAt, retiredAt } =
    cluster;
  const problems = problemsOf(cluster, ledger, now);
  return (
    <section class="panel" aria-labelledby={`cluster-${clusterId}`}>
      <h2 id={`cluster-${clusterId}`}>
        <Name text={name} />
        {retiredAt === undefined ? null : <span class="tag">retired</span>}
      </h2>
      <p class="mac muted">
        <Name text={clusterId} />
      </p>
      {problems.map(({ kind, text }) => (
        <Notice key={text} kind={kind}>
          <Name text={text} />
        </Notice>
      ))}
      <dl class="facts wide">
        <Fact name="Addresses">{formatNumber(addresses)}</Fact>
        <Fact name="Objects">{formatNumber(objects)}</Fact>
        <Fact name="Orphaned">{formatNumber(orphaned)}</Fact>
        {observed === undefined ? null : <Fact name="Observed">{formatNumber(observed)}</Fact>}
        <Fact name="Last resync">{lastResyncAt === undefined ? 'never' : <Moment at={lastResyncAt} />}</Fact>
        <Fact name="Epoch">{formatNumber(cluster.reportedEpoch)}</Fact>
        <Fact name="Registered">
          <Moment at={registeredAt} />
        </Fact>
        <Fact name="Initial sync">{adoptedAt === undefined ? 'not yet' : <Moment at={adoptedAt} />}</Fact>
        {retiredAt === undefined ? null : (
          <Fact name="Retired">
            <Moment at={retiredAt} />
          </Fact>
        )}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
