import type { Queryable } from '../../ledger/connection/statement.ts';
import { bindLogin, type Cluster, listClusters, retireCluster } from '../../ledger/state/clusters.ts';
import { continueCluster } from '../../ledger/state/identity.ts';
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
export async function retireByName(ledger: Queryable, text: string, reason?: string): Promise<string> {
  const { clusterId, name } = await findCluster(ledger, text);
  const { outcome, orphaned } = await retireCluster(ledger, clusterId, currentUser(), reason);
  const held = `${String(orphaned)} address(es) are orphaned now: check whether they are in use, then release them with --force`;
  return `${outcome === 'unchanged' ? 'Already retired' : 'Retired'}: cluster ${name} (${clusterId}); ${held}`;
}

/** Gives a database login a cluster. Returns a line that says so. */
export async function bindByName(ledger: Queryable, login: string, text: string, reason?: string): Promise<string> {
  const { clusterId, name } = await findCluster(ledger, text);
  await bindLogin(ledger, { login, clusterId }, { actor: currentUser(), reason });
  return `Bound: login ${login} may change the addresses of cluster ${name} (${clusterId})`;
}

/** Decides which of two control planes with one identity continues a cluster. Returns a line that says so. */
export async function continueByName(
  ledger: Queryable,
  text: string,
  as: 'known' | 'newcomer',
  reason?: string,
): Promise<string> {
  const { clusterId, name } = await findCluster(ledger, text);
  const outcome = await continueCluster(ledger, { clusterId, as }, currentUser(), reason);
  if (outcome === 'known') return `Decided: the known control plane of cluster ${name} (${clusterId}) goes on`;
  if (outcome === 'newcomer') {
    return `Decided: the newcomer goes on as cluster ${name} (${clusterId}) after its initial sync. The other may not allocate or release`;
  }
  throw new UserError(
    `No second control plane has shown the identity of cluster ${name}.`,
    'Nothing has to be decided.',
    'notFound',
  );
}
