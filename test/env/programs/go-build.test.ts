import { describe, expect, it } from 'vitest';
import { describeBuild, linkerFlags } from './go-build.ts';

describe('a Go build', () => {
  it('sets the version, so that the API server does not report v0.0.0', () => {
    expect(linkerFlags({ kubernetes: 'v1.37.2' })).toBe(
      '-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2' +
        ' -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37',
    );
  });

  it.each([
    ['', "nothing compiled, linking from Go's cache"],
    ['go: downloading k8s.io/api v0.37.2\n', 'Go is fetching modules'],
    [
      'go: downloading k8s.io/api v0.37.2\ninternal/abi\nk8s.io/api/core/v1\n',
      '2 of at most 99 packages compiled, now after k8s.io/api/core/v1',
    ],
  ])('describes its progress after %j', (log, want) => {
    expect(describeBuild(log, 99)).toBe(want);
  });
});
