import type { Kubectl } from '../env/kubernetes/kubectl.ts';

/** How many requests the API server has answered since its start, by what they ask, such as `POST pods`. */
export type ApiRequests = ReadonlyMap<string, number>;

const COUNTER = /^apiserver_request_total\{(.*)\} (\S+)$/;

/** Requests that nobody makes because of a pod: watches run on, and the benchmark itself reads metrics and lists. */
const UNRELATED = new Set(['WATCH', 'WATCHLIST', 'LIST', 'CONNECT']);

/** Reads the counters of the API server. The read costs it tens of milliseconds, so read while nothing is measured. */
export async function apiRequests(kubectl: Kubectl): Promise<ApiRequests> {
  const counted = new Map<string, number>();
  for (const line of (await kubectl(['get', '--raw', '/metrics'])).split('\n')) {
    const [, labels, value] = COUNTER.exec(line) ?? [];
    if (labels === undefined) continue;
    const label = (name: string) => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    const [verb, resource, subresource] = [label('verb'), label('resource'), label('subresource')];
    if (UNRELATED.has(verb) || resource === '') continue;
    const asked = `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}`;
    counted.set(asked, (counted.get(asked) ?? 0) + Number(value));
  }
  return counted;
}
