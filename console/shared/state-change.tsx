import { StateBadge, STATES } from './state.tsx';

/** Shows the state before a change and after it. The first change of an address has no state before. */
export function StateChange({
  before,
  after,
}: {
  readonly before: string | undefined;
  readonly after: string | undefined;
}) {
  if (after === undefined) return null;
  const badge = (state: string) => <StateBadge state={stateNamed(state)} text={state} />;
  if (before === after) return badge(after);
  return (
    <span class="state-change">
      {before === undefined ? <StateBadge state="neverUsed" /> : badge(before)}
      <span aria-hidden="true">→</span>
      <span class="only-read"> to </span>
      {badge(after)}
    </span>
  );
}

/** A released address waits at first. A state that this page does not know counts as orphaned. */
function stateNamed(name: string) {
  return name === 'released' ? 'waiting' : (STATES.find((state) => state === name) ?? 'orphaned');
}
