import { setTimeout as sleep } from 'node:timers/promises';
import type { Endpoint } from '../env/network/sockets.ts';
import { startTcpProxy } from '../env/network/tcp-proxy.ts';

/** What the network does for some time. */
export interface Weather {
  readonly forMs: number;
  readonly latencyMs: number;
  /** Nothing passes meanwhile, and it arrives afterwards. */
  readonly stalls: boolean;
  /** All connections are reset first. */
  readonly resets: boolean;
}

/** A network between a cluster and the ledger that is slow, uneven and loses connections. */
export interface BadNetwork extends Endpoint {
  /** Starts the bad weather. Until then, and after `calm`, everything passes at once. */
  worsen(): void;
  calm(): Promise<void>;
  /** Nothing passes any more, and connections are refused, until `calm` or `worsen`. */
  cutOff(): Promise<void>;
  close(): Promise<void>;
}

/** Returns the next weather: usually jitter, sometimes a stall of up to a second and a half, sometimes a reset. */
export function nextWeather(random: () => number): Weather {
  const kind = random();
  const latencyMs = Math.round(2 + 25 * random() ** 3);
  if (kind < 0.04) return { forMs: Math.round(200 + 1_300 * random()), latencyMs, stalls: true, resets: false };
  return { forMs: Math.round(200 + 400 * random()), latencyMs, stalls: false, resets: kind > 0.97 };
}

/** Starts a network to `target`, whose port may change: every new connection goes to the current one. */
export async function startBadNetwork(target: Endpoint, random: () => number): Promise<BadNetwork> {
  const proxy = await startTcpProxy(target);
  let ending = new AbortController();
  let running = Promise.resolve();

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { forMs, latencyMs, stalls, resets } = nextWeather(random);
      if (resets) {
        await proxy.cut();
        await proxy.heal();
      }
      proxy.delay(latencyMs);
      if (stalls) proxy.freeze();
      await sleep(forMs, undefined, { signal }).catch(() => undefined);
      if (stalls) await proxy.heal();
    }
  }

  async function end(): Promise<void> {
    ending.abort();
    await running;
  }

  return {
    host: proxy.host,
    port: proxy.port,
    worsen: () => {
      ending.abort();
      ending = new AbortController();
      const { signal } = ending;
      running = running.then(() => proxy.heal()).then(() => run(signal));
    },
    calm: async () => {
      await end();
      await proxy.heal();
    },
    cutOff: async () => {
      await end();
      await proxy.cut();
    },
    close: async () => {
      await end();
      await proxy.close();
    },
  };
}
