import pino from 'pino';
import { expect, test } from 'vitest';
import type { Statement } from '../../ledger/connection/statement.ts';
import { runInitialSync } from './initial-sync.ts';

const ROWS: readonly (readonly [statement: string, rows: readonly object[]])[] = [
  ['rock_mac.register_cluster', [{ outcome: 'registered' }]],
  ['from rock_mac.ledger_state', [{ epoch: 1 }]],
  ['from rock_mac.clusters', []],
];

test('a new cluster reads the prefixes after it has registered, and before it lists its objects', async () => {
  const steps: string[] = [];
  const end = new Error('enough');
  const deps = {
    clusterId: 'c',
    actor: 'operator',
    logger: pino({ enabled: false }),
    ledger: {
      query: ({ text }: Statement<unknown>) => {
        const [statement = text, rows = []] = ROWS.find(([part]) => text.includes(part)) ?? [];
        steps.push(statement);
        return Promise.resolve(rows);
      },
    },
    readPrefixes: () => {
      steps.push('read the prefixes');
      return Promise.resolve([]);
    },
    client: {
      list: () => {
        steps.push('list');
        return Promise.reject(end);
      },
    },
  } as unknown as Parameters<typeof runInitialSync>[1];
  await expect(runInitialSync('here', deps)).rejects.toBe(end);
  expect(steps).toEqual([
    'rock_mac.register_cluster',
    'from rock_mac.clusters',
    'read the prefixes',
    'from rock_mac.ledger_state',
    'list',
  ]);
});
