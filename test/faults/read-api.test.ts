import { beforeAll, describe, expect, test } from 'vitest';
import { LEDGER_API_SERVICE, LEDGER_GROUP } from '../../api/names.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from '../integration/installed-env.ts';

/* An APIService without a working server blocks the deletion of every namespace, so it must be removed in time. */

const installed = installedEnvOfThisFile({ operators: 2 });
const API_SERVICE = `apiservice/${LEDGER_API_SERVICE}`;
const POOLS = `pools.${LEDGER_GROUP}`;

beforeAll(async () => {
  await eventually(() => installed().plane.kubectl(['get', POOLS]), { within: 60_000 });
});

describe('the read API', () => {
  test('is removed by the webhook after all operators are killed, so that namespaces terminate, and returns with an operator', async () => {
    const { plane, installation } = installed();
    await Promise.all(installation.operators.map((operator) => operator.kill()));
    await plane.kubectl(['wait', '--for=condition=Available=false', API_SERVICE, '--timeout=90s']);
    await plane.kubectl(['create', 'namespace', 'doomed']);
    await plane.kubectl(['delete', 'namespace', 'doomed', '--timeout=120s']);
    await expect(plane.kubectl(['get', API_SERVICE])).rejects.toThrow(/not found/);
    await installation.startOperator();
    await eventually(() => plane.kubectl(['get', POOLS]), { within: 60_000, every: 500 });
  }, 300_000);

  test('is removed at once by an operator that shuts down', async () => {
    const { plane, installation } = installed();
    await installation.operators.at(-1)?.stop();
    await expect(plane.kubectl(['get', API_SERVICE])).rejects.toThrow(/not found/);
    await plane.kubectl(['create', 'namespace', 'brief']);
    await plane.kubectl(['delete', 'namespace', 'brief', '--timeout=60s']);
  }, 100_000);

  test('returns within seconds after one of two replicas shuts down', async () => {
    const { plane, installation } = installed();
    await installation.startOperator();
    const second = await installation.startOperator();
    await eventually(() => plane.kubectl(['get', POOLS]), { within: 60_000 });
    await second.stop();
    await eventually(() => plane.kubectl(['get', POOLS]), { within: 30_000 });
  }, 100_000);

  test('is deleted with the ClusterRole that owns it', async () => {
    const { plane, installation } = installed();
    await Promise.all(installation.operators.map((operator) => operator.kill()));
    await plane.kubectl(['delete', 'clusterrole', 'rock-mac-operator']);
    await plane.kubectl(['wait', '--for=delete', API_SERVICE, '--timeout=30s']);
  }, 60_000);
});
