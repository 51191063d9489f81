import { beforeAll, describe, expect, test } from 'vitest';
import { LEDGER_API_SERVICE, LEDGER_GROUP } from '../../api/names.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from '../integration/installed-env.ts';

/*
 * An APIService behind which nobody answers holds up the deletion of every namespace in the cluster. It must go before
 * that matters.
 */

const installed = installedEnvOfThisFile({ operators: 2 });
const API_SERVICE = `apiservice/${LEDGER_API_SERVICE}`;
const POOLS = `pools.${LEDGER_GROUP}`;

beforeAll(async () => {
  await eventually(() => installed().plane.kubectl(['get', POOLS]), { within: 60_000 });
});

describe('the read API', () => {
  test('with all operators killed, the webhook removes it and namespaces terminate; with one back it is there again', async () => {
    const { plane, installation } = installed();
    await Promise.all(installation.operators.map((operator) => operator.kill()));
    await plane.kubectl(['wait', '--for=condition=Available=false', API_SERVICE, '--timeout=90s']);
    await plane.kubectl(['create', 'namespace', 'doomed']);
    await plane.kubectl(['delete', 'namespace', 'doomed', '--timeout=120s']);
    await expect(plane.kubectl(['get', API_SERVICE])).rejects.toThrow(/not found/);
    await installation.startOperator();
    await eventually(() => plane.kubectl(['get', POOLS]), { within: 60_000, every: 500 });
  }, 300_000);

  test('an operator that stops in order removes it at once', async () => {
    const { plane, installation } = installed();
    await installation.operators.at(-1)?.stop();
    await expect(plane.kubectl(['get', API_SERVICE])).rejects.toThrow(/not found/);
    await plane.kubectl(['create', 'namespace', 'brief']);
    await plane.kubectl(['delete', 'namespace', 'brief', '--timeout=60s']);
  }, 100_000);

  test('is there again within seconds when one of two replicas stops in order', async () => {
    const { plane, installation } = installed();
    await installation.startOperator();
    const second = await installation.startOperator();
    await eventually(() => plane.kubectl(['get', POOLS]), { within: 60_000 });
    await second.stop();
    await eventually(() => plane.kubectl(['get', POOLS]), { within: 30_000 });
  }, 100_000);

  test('goes with the ClusterRole that owns it', async () => {
    const { plane, installation } = installed();
    await Promise.all(installation.operators.map((operator) => operator.kill()));
    await plane.kubectl(['delete', 'clusterrole', 'rock-mac-operator']);
    await plane.kubectl(['wait', '--for=delete', API_SERVICE, '--timeout=30s']);
  }, 60_000);
});
