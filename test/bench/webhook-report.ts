import { table } from '../../hack/markdown.ts';
import { mean, median, percentile } from './measure.ts';
import type { Phase, PodLife } from './pod-life.ts';
import { POD_WAYS, type PodWayName } from './pod-ways.ts';
import { atLeast, atMost, milliseconds, perSecond, type Section } from './report.ts';

/** The rounds of each way, by the number of callers. */
export type Lives = Readonly<Record<PodWayName, ReadonlyMap<number, readonly PodLife[]>>>;

type After = 'create' | 'remove';
type Value = (phase: Phase) => number;

const WAYS: readonly PodWayName[] = ['none', 'patch', 'alone', 'unasked', 'ours'];
/** Measured 16 at once only. */
const OTHERS = ['four', 'machine', 'claim'] as const;
/** Those whose deletions are settled when the operator has done its part. */
const WAYS_OF_DELETES: readonly PodWayName[] = ['none', 'unasked', 'ours', ...OTHERS];

const p50: Value = ({ latencies }) => percentile(latencies, 50);
const p99: Value = ({ latencies }) => percentile(latencies, 99);
const meanOf: Value = ({ latencies }) => mean(latencies);
const rate: Value = (phase) => phase.perSecond;
const settled: Value = ({ settledSeconds }) => settledSeconds;
const opened: Value = ({ connections }) => connections;
const allCpu: Value = ({ cpu }) => [...cpu.values()].reduce((sum, ms) => sum + ms, 0);

export function webhookReport(lives: Lives): Section {
  const phases = (way: PodWayName, callers: number, after: After) =>
    (lives[way].get(callers) ?? []).map((life) => life[after]);
  const over = (way: PodWayName, callers: number, after: After, value: Value) =>
    median(phases(way, callers, after).map(value));
  const title = (way: PodWayName) => POD_WAYS[way].title;
  const latencies = (way: PodWayName, callers: number) =>
    [p50, meanOf, p99].map((value) => milliseconds(over(way, callers, 'create', value)));
  const most = Math.max(...lives.ours.keys());
  const count = perSecond(lives.ours.get(most)?.[0]?.create.latencies.length ?? 0);

  const creates = table(
    ['ms of a create', ...[1, 16, 64].flatMap((at) => [`${String(at)}: p50`, 'mean', 'p99'])],
    WAYS.map((way) => [title(way), ...[1, 16, 64].flatMap((callers) => latencies(way, callers))]),
  );
  const rates = table(
    [
      'per second',
      ...['creates', 'deletes'].flatMap((what) => [1, 16, 64].map((at) => `${what}, ${String(at)} at once`)),
    ],
    WAYS.map((way) => [
      title(way),
      ...[1, 16, 64].map((callers) => perSecond(over(way, callers, 'create', rate))),
      ...[1, 16, 64].map((callers) => perSecond(over(way, callers, 'remove', rate))),
    ]),
  );
  const done = table(
    [`${count} pods, ${String(most)} at once`, 'created and settled after', 'deleted and settled after'],
    WAYS.map((way) => [
      title(way),
      ...(['create', 'remove'] as const).map((after) => `${over(way, most, after, settled).toFixed(1)} s`),
    ]),
  );
  const connections = table(
    ['connections for 1,000 creates', ...[1, 16, 64].map((at) => `${String(at)} at once`)],
    (['patch', 'ours'] as const).map((way) => [
      title(way),
      ...[1, 16, 64].map((callers) => (1_000 * over(way, callers, 'create', opened)).toFixed(0)),
    ]),
  );
  const nagle = table(
    ['ms of a create, one at a time', 'p50', 'mean', 'p99'],
    (['patch', 'patchWithNagle', 'ours', 'oursWithNagle'] as const).map((way) => [title(way), ...latencies(way, 1)]),
  );
  const sections = [
    `### Creates\n\n${creates}\n\n${rates}`,
    `### Until all is settled\n\n${done}`,
    `### CPU of a create until it is settled, 16 at once\n\n${cpuTable([...WAYS, ...OTHERS], (way) => phases(way, 16, 'create'))}`,
    `### CPU of a delete until it is settled, 16 at once\n\n${cpuTable(WAYS_OF_DELETES, (way) => phases(way, 16, 'remove'))}`,
    `### Requests to the API server, 16 at once\n\n${requestTable((way, after) => phases(way, 16, after))}`,
    `### Connections from the API server to the webhook\n\n${connections}`,
    `### Nagle's algorithm between the API server and the webhook\n\n${nagle}`,
  ];
  /** Rounds differ more than ways, so each round is compared with itself. */
  const ratio = (callers: number, after: After, value: Value) => {
    const without = phases('none', callers, after);
    return median(phases('ours', callers, after).map((phase, round) => value(phase) / value(without[round] ?? phase)));
  };
  const added = (way: PodWayName) => over(way, 1, 'create', p50) - over('none', 1, 'create', p50);
  return {
    text: sections.join('\n\n'),
    goals: [
      ...[1, 16, 64].map((callers) =>
        atLeast(`creates/s, ${String(callers)} at once ≥ 0.55 × no webhook`, ratio(callers, 'create', rate), 0.55),
      ),
      atMost('added p50, one at a time ≤ 1.1 × that of the one that only patches', added('ours') / added('patch'), 1.1),
      atMost('CPU of a create, to 9 ms: ≤ 1', over('ours', 16, 'create', allCpu) / 9, 1),
      atMost('CPU of a delete, to 12 ms: ≤ 1', over('ours', 16, 'remove', allCpu) / 12, 1),
      atMost(`${count} deletes settled after ≤ 2 × no webhook`, ratio(most, 'remove', settled), 2),
    ],
  };
}

/** The CPU time by program, which limits the creates per second on few cores. */
function cpuTable(ways: readonly PodWayName[], phases: (way: PodWayName) => readonly Phase[]): string {
  const programs = [...new Set(phases('ours').flatMap(({ cpu }) => [...cpu.keys()]))].sort();
  const rows = ways.map((way) => {
    const each = programs.map((program) => median(phases(way).map(({ cpu }) => cpu.get(program) ?? 0)));
    return [POD_WAYS[way].title, ...each.map((ms) => ms.toFixed(2)), median(phases(way).map(allCpu)).toFixed(2)];
  });
  return table(['ms', ...programs, 'all'], rows);
}

/** Rarer requests, such as those for leases, do not come from a pod. */
const RARE = 0.2;

function requestTable(phases: (way: PodWayName, after: After) => readonly Phase[]): string {
  const columns = (['create', 'remove'] as const).flatMap((after) =>
    (['none', 'ours', 'four'] as const).map((way) => ({ way, after })),
  );
  const of = ({ way, after }: (typeof columns)[number], request: string) =>
    median(phases(way, after).map(({ requests }) => requests.get(request) ?? 0));
  const all = new Set(
    columns.flatMap(({ way, after }) => phases(way, after).flatMap(({ requests }) => [...requests.keys()])),
  );
  const rows = [...all]
    .sort()
    .filter((request) => columns.some((column) => of(column, request) >= RARE))
    .map((request) => [request, ...columns.map((column) => of(column, request).toFixed(1))]);
  const titles = columns.map(({ way, after }) => `${after === 'create' ? 'create' : 'delete'}: ${POD_WAYS[way].title}`);
  return table(['requests for each pod', ...titles], rows);
}
