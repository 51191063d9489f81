import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { componentVersions, readComponentVersions } from './component-versions.ts';

describe('the versions of the components', () => {
  it('are read from the module that builds them', async () => {
    const versions = await readComponentVersions(path.join(import.meta.dirname, '../../../hack/control-plane'));
    expect(versions.kubernetes).toMatch(/^v1\.\d+\.\d+$/);
    expect(versions.etcd).toMatch(/^v3\.\d+\.\d+$/);
    expect(versions.go).toMatch(/^1\.\d+/);
  });

  it('are read from a line and from a block, and not from a replacement', () => {
    const goMod = [
      'go 1.30.0',
      'require k8s.io/kubernetes v1.40.1',
      'require (',
      '\tgo.etcd.io/etcd/server/v3 v3.9.0 // indirect',
      ')',
      'replace k8s.io/kubernetes => ../kubernetes',
    ].join('\n');
    expect(componentVersions(goMod, 'go.mod')).toEqual({ kubernetes: 'v1.40.1', etcd: 'v3.9.0', go: '1.30.0' });
  });

  it('are required', () => {
    expect(() => componentVersions('go 1.30.0', 'some/go.mod')).toThrow(
      'some/go.mod has no version of k8s.io/kubernetes',
    );
  });
});
