import type { ClusterView, LedgerView } from '../../api/console.ts';

export interface Problem {
  readonly kind: 'warning' | 'error';
  readonly text: string;
}

/** A resync runs every five minutes; the release guard too waits no longer than this. */
const RESYNC_LATE_MS = 3_600_000;

/** Returns what a person should look at in a cluster, with the next step. Pure. */
export function problemsOf(cluster: ClusterView, ledger: LedgerView | undefined, now: Date): Problem[] {
  const { name, retiredAt, adoptedAt, lastResyncAt, orphaned, sharedSince, reportedEpoch } = cluster;
  const problems: Problem[] = [];
  if (sharedSince !== undefined) {
    problems.push({
      kind: 'error',
      text: `Another control plane has the identity of this cluster. It gets no address until a person decides: \`rock-mac cluster continue ${name} known\` or \`newcomer\`.`,
    });
  }
  if (retiredAt === undefined) {
    if (adoptedAt === undefined) {
      problems.push({ kind: 'warning', text: 'Its initial sync has not ended, so it may not allocate yet.' });
    } else if (ledger !== undefined && reportedEpoch < ledger.epoch) {
      problems.push({
        kind: 'error',
        text: `It has not reported its addresses since epoch ${String(ledger.epoch)} began. Check its operator.`,
      });
    }
    if (lastResyncAt !== undefined && now.getTime() - new Date(lastResyncAt).getTime() > RESYNC_LATE_MS) {
      problems.push({
        kind: 'error',
        text: 'Its last resync is more than an hour ago, so nothing is released automatically. Check its operator.',
      });
    }
  }
  if (orphaned > 0) {
    problems.push({
      kind: 'warning',
      text: `${orphaned.toLocaleString('en')} of its addresses are orphaned: check whether they are in use, then release them with --force.`,
    });
  }
  return problems;
}
