import { listClusters, retireCluster, type Cluster } from '../../ledger/state/clusters.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { didYouMean } from '../did-you-mean.ts';
import { UserError } from '../errors.ts';
import { currentUser } from './current-user.ts';

/** Returns a cluster by its id, or by its name if the name is unique. Throws a UserError otherwise. */
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
      : `${String(named.length)} clusters are named ${text}.`,
    'Run `rock-mac cluster list` to see the ids.',
    only === undefined ? 'notFound' : 'conflict',
  );
}

/** Retires a cluster. Returns a line that says what happened to its addresses. */
export async function retireByName(ledger: Queryable, text: string): Promise<string> {
  const { clusterId, name } = await findCluster(ledger, text);
  const { outcome, orphaned } = await retireCluster(ledger, clusterId, currentUser());
  const held = `${String(orphaned)} address(es) are orphaned now: check whether they are in use, then release them with --force`;
  return `${outcome === 'unchanged' ? 'Already retired' : 'Retired'}: cluster ${name} (${clusterId}); ${held}`;
}
