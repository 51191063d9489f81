import type { About, AddressDetails, AuditEntries, Neighbour, PoolView } from '../../api/console.ts';
import { parseAnyMac } from '../../mac/mac-address.ts';
import { ActionButtons } from '../actions/action-buttons.tsx';
import { useConsole } from '../shared/context.ts';
import { CommandLine, CopyButton } from '../shared/copy.tsx';
import { Name } from '../shared/name.tsx';
import { Failure, Loading, Missing, Notice } from '../shared/notice.tsx';
import { hashOf } from '../shared/route.ts';
import { StateBadge, stateOfAddress } from '../shared/state.tsx';
import { useData } from '../shared/use-data.ts';
import { commandsFor } from './commands.ts';
import { factsOf } from './facts.tsx';
import { Neighbours } from './neighbours.tsx';
import { Timeline } from './timeline.tsx';

const REFRESH_MS = 5_000;
const HISTORY = 100;

/** Everything about one address. */
export function AddressPage({ mac: text }: { readonly mac: string }) {
  const mac = parseAnyMac(text);
  if (mac === undefined) {
    return (
      <>
        <h1>Address</h1>
        <Notice kind="error">
          <Name text={text} /> is not a MAC address.
        </Notice>
      </>
    );
  }
  return <KnownAddress mac={mac} />;
}

function KnownAddress({ mac }: { readonly mac: string }) {
  const { client, about } = useConsole();
  const options = { refreshMs: REFRESH_MS };
  const address = useData<AddressDetails | null>(
    'address',
    (signal) => client.get('/api/address', { mac }, signal),
    options,
  );
  const neighbours = useData<Neighbour[]>('near', (signal) => client.get('/api/neighbours', { mac }, signal), options);
  const canRead = about?.missing.every(({ part }) => part !== 'audit') ?? false;
  const history = useData<AuditEntries>(
    canRead ? 'audit' : undefined,
    (signal) => client.get('/api/audit', { mac, limit: HISTORY }, signal),
    options,
  );
  const pools = useData<PoolView[]>('pools', (signal) => client.get('/api/pools', {}, signal));
  const details = address.value ?? undefined;
  const pool = pools.value?.find(({ pool: name, first, last }) =>
    details === undefined ? mac >= first && mac <= last : name === details.pool,
  );
  const reload = () => {
    address.reload();
    neighbours.reload();
    history.reload();
  };
  return (
    <>
      <Title mac={mac} address={address.value} pool={pool} onDone={reload} />
      <Failure failure={address.failure} />
      {address.value === undefined && address.failure === undefined ? <Loading what="the address" /> : null}
      {details?.conflicts?.map((conflict) => (
        <Notice key={conflict} kind="error">
          <Name text={conflict} />
        </Notice>
      ))}
      {address.value === null ? <NeverUsed pool={pool} /> : null}
      <div class="columns">
        <div>
          {details === undefined ? null : <Holder details={details} />}
          <section class="panel" aria-labelledby="near">
            <h2 id="near">Neighbours</h2>
            <Neighbours mac={mac} neighbours={neighbours.value ?? []} />
          </section>
          {details === undefined || about === undefined ? null : <Commands details={details} about={about} />}
        </div>
        <section class="panel" aria-labelledby="history">
          <h2 id="history">History</h2>
          <Missing parts={['audit']} />
          <Failure failure={history.failure} />
          {history.value === undefined ? null : <Timeline {...history.value} />}
        </section>
      </div>
    </>
  );
}

function NeverUsed({ pool }: { readonly pool: PoolView | undefined }) {
  return (
    <Notice kind="info">
      {pool === undefined
        ? 'This address is in no pool, so rock-mac never hands it out.'
        : `No owner ever had this address. It can be handed out from pool ${pool.pool}.`}
    </Notice>
  );
}

interface TitleProps {
  readonly mac: string;
  /** `null`: it has no row in the ledger. `undefined`: not known yet. */
  readonly address: AddressDetails | null | undefined;
  readonly pool: PoolView | undefined;
  readonly onDone: () => void;
}

function Title({ mac, address, pool, onDone }: TitleProps) {
  const details = address ?? undefined;
  return (
    <div class="title">
      <h1 class="mac">{mac}</h1>
      <CopyButton text={mac} label="the address" />
      {address === undefined ? null : (
        <StateBadge state={details === undefined ? 'neverUsed' : stateOfAddress(details)} />
      )}
      {pool === undefined ? null : (
        <div class="actions">
          <a class="button" href={hashOf({ page: 'map', pool: pool.pool, at: mac })}>
            Map
          </a>
          {address === undefined ? null : <ActionButtons pool={pool} mac={mac} address={details} onDone={onDone} />}
        </div>
      )}
    </div>
  );
}

function Holder({ details }: { readonly details: AddressDetails }) {
  return (
    <>
      <section class="panel next" aria-labelledby="next">
        <h2 id="next">What happens next</h2>
        <p>
          <Name text={details.next} />
        </p>
      </section>
      <section class="panel" aria-labelledby="facts">
        <h2 id="facts">Holder</h2>
        <dl class="facts">
          {factsOf(details).map(({ name, value }) => (
            <div key={name}>
              <dt>
                <Name text={name} />
              </dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </section>
    </>
  );
}

function Commands({ details, about }: { readonly details: AddressDetails; readonly about: About }) {
  return (
    <section class="panel" aria-labelledby="commands">
      <h2 id="commands">Commands</h2>
      {commandsFor(details, about).map(({ what, command }) => (
        <div key={what}>
          <p class="muted">{what}</p>
          <CommandLine command={command} label={what} />
        </div>
      ))}
    </section>
  );
}
