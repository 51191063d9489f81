import type { ObservationView } from '../../ledger/view/observation-view.ts';
import { type Finding, fine, warning } from './finding.ts';

export type SeenAddress = Pick<ObservationView, 'mac' | 'object' | 'running' | 'segment' | 'clusterName'>;

/** How many shared addresses are named. */
const NAMED = 3;

/**
 * Evaluates which addresses several running objects use without owning them. Networks of different segments never meet. An address
 * that an owner shares is a finding of its pool.
 */
export function sharedFindings(seen: readonly SeenAddress[], program: string): Finding[] {
  const byAddress = Map.groupBy(
    seen.filter(({ running }) => running),
    ({ mac }) => mac,
  );
  const shared = [...byAddress].flatMap(([mac, users]) => {
    const meeting = users.filter((user) => users.some((other) => mayMeet(user, other)));
    return meeting.length > 0 ? [`${mac} (${meeting.map(describe).join(', ')})`] : [];
  });
  if (shared.length === 0) return [fine('shared', 'no two running objects share an address of another prefix')];
  const rest = shared.length - NAMED;
  const named = [...shared.slice(0, NAMED), ...(rest > 0 ? [`${String(rest)} more`] : [])];
  return [
    warning(
      'shared',
      `running objects share ${String(shared.length)} address(es): ${named.join('; ')}`,
      `Give one of them another address, or name the segments of networks that never meet. \`${program} list --status observed\` lists them.`,
    ),
  ];
}

function mayMeet(one: SeenAddress, other: SeenAddress): boolean {
  const isOther = one.object.uid !== other.object.uid || one.object.clusterId !== other.object.clusterId;
  return isOther && (one.segment === other.segment || one.segment === '' || other.segment === '');
}

function describe({ object: { kind, namespace, name }, clusterName = '' }: SeenAddress): string {
  return `${kind} ${namespace}/${name} in ${clusterName}`;
}
