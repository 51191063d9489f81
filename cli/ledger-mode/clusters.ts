import { listClusters, retireCluster, type Cluster } from '../../ledger/state/clusters.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { didYouMean } from '../did-you-mean.ts';
import { UserError } from '../errors.ts';
import { currentUser } from './current-user.ts';

/** A cluster by its id or, where only one has it, its name. */
export async function findCluster(ledger: Queryable, text: string): Promise<Cluster> {
  const clusters = await listClusters(ledger);
  const byId = clusters.find(({ clusterId }) => clusterId === text);
  if (byId !== undefined) return byId;
  const named = clusters.filter(({ name }) => name === text);
  const [only] = named;
  if (only !== undefined && named.length === 1) return only;
  const names = clusters.map(({ name }) => name);
  throw new UserError(
    only === undefined
      ? `No cluster ${JSON.stringify(text)} has ever registered.${didYouMean(text, names)}`
      : `${String(named.length)} clusters are called ${text}.`,
    'See `rock-mac cluster list` for their ids.',
    only === undefined ? 'notFound' : 'conflict',
  );
}

/** The end of a cluster; answers with the line that says what became of its addresses. */
export async function retireByName(ledger: Queryable, text: string): Promise<string> {
  const { clusterId, name } = await findCluster(ledger, text);
  const { outcome, orphaned } = await retireCluster(ledger, clusterId, currentUser());
  const held = `${String(orphaned)} address(es) are orphaned now: look for them, then release them with --force`;
  return `${outcome === 'unchanged' ? 'Retired before' : 'Retired'}: cluster ${name} (${clusterId}); ${held}`;
}
