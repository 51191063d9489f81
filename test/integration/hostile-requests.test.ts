import { describe, expect, test } from 'vitest';
import { readFile } from 'node:fs/promises';
import type { Program } from '../env/installation.ts';
import { installedEnvOfThisFile } from './installed-env.ts';
import { oddRequest, seeded, sendRaw, type Port } from './odd-requests.ts';

/*
 * `GET //` to the health port or to the read API once ended the process, without a certificate or a token: the URL was
 * parsed in the listener, and what a listener throws ends Node.
 */

const installed = installedEnvOfThisFile();

const PER_PORT = 10_000;
const AT_ONCE = 32;

/** All programs, and all ports of each. */
function ports(): readonly (Port & { readonly program: Program })[] {
  const { operators, webhooks } = installed().installation;
  return [...operators, ...webhooks].flatMap((program) => [
    { program, port: program.port, tls: true },
    { program, port: program.healthPort, tls: false },
    { program, port: program.metricsPort, tls: true },
  ]);
}

async function isUp({ healthPort }: Program): Promise<boolean> {
  const { status } = await fetch(`http://127.0.0.1:${healthPort}/healthz`);
  return status === 200;
}

/** How many processes have written that they start: one that was ended and started again has written it twice. */
async function fatalLines({ logFile }: Program): Promise<readonly string[]> {
  const log = await readFile(logFile, 'utf8');
  return log.split('\n').filter((line) => /"level":60|Uncaught|ERR_INVALID_URL/.test(line));
}

describe('whoever can reach a port', () => {
  test('cannot end a process with the request line that once did', async () => {
    for (const { program, ...port } of ports()) {
      await sendRaw(port, 'GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect(await isUp(program)).toBe(true);
    }
  });

  test(
    `cannot end a process with ${PER_PORT} odd requests to every port of every program`,
    async () => {
      const seed = Date.now() % 2 ** 31;
      for (const { program, ...port } of ports()) {
        const random = seeded(seed);
        let left = PER_PORT;
        const send = async (): Promise<void> => {
          while (left-- > 0) await sendRaw(port, oddRequest(random));
        };
        await Promise.all(Array.from({ length: AT_ONCE }, send));
        expect(await isUp(program), `seed ${seed}`).toBe(true);
        expect(await fatalLines(program), `seed ${seed}`).toEqual([]);
      }
    },
    10 * 60_000,
  );
});
