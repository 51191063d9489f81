import type { Kubectl } from '../env/kubernetes/kubectl.ts';
import { apiRequests } from './api-requests.ts';
import { cpuTime } from './cpu-time.ts';

/** What a number of equal things cost, for each of them. */
export interface Usage {
  /** Milliseconds of CPU time by program. */
  readonly cpu: ReadonlyMap<string, number>;
  /** Requests to the API server, by what they ask. */
  readonly requests: ReadonlyMap<string, number>;
}

/** Measures what all programs use while `work` runs. `things` is how many things the work does. */
export async function usageOf(things: number, kubectl: Kubectl, work: () => Promise<void>): Promise<Usage> {
  const requestsBefore = await apiRequests(kubectl);
  const cpuBefore = cpuTime();
  await work();
  const cpuAfter = cpuTime();
  const requestsAfter = await apiRequests(kubectl);
  const each = (after: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>) =>
    new Map([...after].map(([name, value]) => [name, (value - (before.get(name) ?? 0)) / things]));
  return { cpu: each(cpuAfter, cpuBefore), requests: each(requestsAfter, requestsBefore) };
}
