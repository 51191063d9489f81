import { newlyShared } from '../../ledger/observation/newly-shared.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Appeared } from './appeared.ts';
import type { Elsewhere } from './elsewhere.ts';
import type { OnLink } from './on-link.ts';

export type WatchElsewhereDeps = Pick<OperatorDeps, 'ledger' | 'clusterId'> & {
  readonly onLink: Pick<OnLink, 'usersOf'>;
  readonly elsewhere: Pick<Elsewhere, 'known' | 'refresh'>;
  readonly appeared: Appeared;
};

/** How much later a change may become visible than the time that it names. The statements of rock-mac take ten seconds at most. */
const OVERLAP_MS = 10_000;

/** How many shared addresses are read again each time, to notice that they are not shared any more. A resync reads all. */
const MOST_KNOWN = 500;

/**
 * Creates a function that notices, between two resyncs, that an address on the links of this cluster got a user elsewhere, or lost it.
 * It asks the ledger, because a notification needs a session of its own, which a pooler does not give.
 *
 * The object here may start long after the change elsewhere, so the ledger is asked for each address that appears here too.
 */
export function createElsewhereWatch({
  ledger,
  clusterId,
  onLink,
  elsewhere,
  appeared,
}: WatchElsewhereDeps): () => Promise<void> {
  let since: Date | undefined;
  let turn = 0;
  return async () => {
    const { now, macs } = await newlyShared(ledger, { clusterId, since });
    const started = appeared.list();
    const onOurLinks = [...macs, ...started].filter((mac) => onLink.usersOf(mac).length > 0);
    const known = elsewhere.known();
    const first = turn < known.length ? turn : 0;
    await elsewhere.refresh(new Set([...onOurLinks, ...known.slice(first, first + MOST_KNOWN)]));
    turn = first + MOST_KNOWN;
    appeared.forget(started);
    since = new Date(now.getTime() - OVERLAP_MS);
  };
}
