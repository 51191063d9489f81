import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { krewManifest } from './krew-manifest.ts';
import { PLATFORMS } from './platforms.ts';

test('krew finds for each platform the archive, its hash and the plugin in it', () => {
  const archives = PLATFORMS.map((platform, index) => ({
    platform,
    folder: `plugin-${index}`,
    url: `https://git.example.com/${platform.os}-${platform.arch}.tar.gz`,
    sha256: String(index).repeat(64),
  }));
  const manifest: unknown = parse(krewManifest('0.2.0', 'https://git.example.com/rock-mac', archives));
  expect(manifest).toMatchObject({
    metadata: { name: 'rock-mac' },
    spec: {
      version: 'v0.2.0',
      homepage: 'https://git.example.com/rock-mac',
      platforms: archives.map(({ platform, folder, url, sha256 }) => ({
        selector: { matchLabels: { os: platform.os, arch: platform.arch } },
        files: [{ from: `${folder}/*`, to: '.' }],
        ...{ uri: url, sha256, bin: 'kubectl-rock_mac' },
      })),
    },
  });
});
