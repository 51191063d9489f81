import type { Cluster } from '../../ledger/state/clusters.ts';
import { formatDistance } from '../output/time.ts';
import { failure, type Finding, fine, warning } from './finding.ts';

/** A resync runs every five minutes. */
const RESYNC_OVERDUE_MS = 15 * 60_000;

export type KnownCluster = Pick<Cluster, 'name' | 'adoptedAt' | 'lastResyncAt' | 'retiredAt' | 'sharedSince'>;

/** Evaluates the clusters of a ledger. */
export function clusterFindings(clusters: readonly KnownCluster[], now: Date): Finding[] {
  return clusters.filter(({ retiredAt }) => retiredAt === undefined).map((cluster) => findingOf(cluster, now));
}

function findingOf({ name, adoptedAt, lastResyncAt, sharedSince }: KnownCluster, now: Date): Finding {
  if (sharedSince !== undefined) {
    return failure(
      'clusters',
      `two control planes have the identity of cluster ${name}`,
      `Decide which one continues: \`rock-mac cluster continue ${name}\`.`,
    );
  }
  if (adoptedAt === undefined) {
    return warning(
      'clusters',
      `cluster ${name} has not finished its initial sync, so it may not allocate`,
      'See the log of its operator.',
    );
  }
  if (lastResyncAt === undefined || now.getTime() - lastResyncAt.getTime() > RESYNC_OVERDUE_MS) {
    const since = lastResyncAt === undefined ? 'never' : `not for ${formatDistance(lastResyncAt, now)}`;
    return warning(
      'clusters',
      `cluster ${name} has compared its objects with the ledger ${since}`,
      `See whether its operator runs. If the cluster no longer exists: \`rock-mac cluster retire ${name}\`.`,
    );
  }
  return fine('clusters', `cluster ${name}: last resync ${formatDistance(lastResyncAt, now)} ago`);
}
