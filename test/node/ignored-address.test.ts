import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually } from '../env/run/eventually.ts';
import { shownAllocations } from '../integration/installed-env.ts';
import { apply, aWiredPod, nodeEnvOfThisSuite, noNodes, skippedBecause } from './node-env.ts';
import { linksOf, networkStatusOf, podsOf, writtenMacs } from './wire.ts';

/*
 * A plugin that ignores its address, on a network whose configuration only the node has. So rock-mac cannot know it.
 */

describe.skipIf(noNodes !== undefined)(`on a real node${skippedBecause}`, () => {
  const env = nodeEnvOfThisSuite();

  test('an address that the network plugin ignores is noticed within seconds of the report', async () => {
    const { plane, nodes } = env();
    const ipam = { type: 'host-local', ranges: [[{ subnet: '10.83.0.0/16' }]] };
    const config = { cniVersion: '1.0.0', name: 'silent', type: 'ptp', ipam };
    await writeFile(path.join(nodes.first.networksFolder, 'silent.conf'), JSON.stringify(config));
    await apply(env(), {
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name: 'silent' },
    });
    await eventually(() => apply(env(), aWiredPod('deaf', { networks: 'blue,silent' })), { within: 30_000 });
    const pod = await eventually(
      async () => {
        const [found] = await podsOf(env(), 'deaf');
        if (found === undefined || networkStatusOf(found).length < 3) throw new Error('nothing is reported yet');
        return found;
      },
      { within: 60_000, every: 100 },
    );
    const reportedAt = Date.now();
    const [blue = '', silent = ''] = writtenMacs(pod);
    const conditions = await eventually(
      async () => {
        const shown = await shownAllocations(plane);
        const found = shown.find(({ mac }) => mac === silent)?.status?.conditions;
        expect(found).toMatchObject([{ type: 'Applied', status: 'False', reason: 'PluginIgnoredAddress' }]);
        expect(shown.find(({ mac }) => mac === blue)?.status).toBeUndefined();
        return found;
      },
      { within: 10_000, every: 100 },
    );
    expect(Date.now() - reportedAt).toBeLessThan(5_000);
    const links = await linksOf(pod);
    expect(links).toMatchObject({ net1: blue });
    expect(conditions?.[0]?.message).toContain(`The interface has ${links['net2'] ?? ''}`);
  });
});
