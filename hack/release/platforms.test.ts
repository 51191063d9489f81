import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { PLATFORMS, thisPlatform } from './platforms.ts';

test('the archives for Linux have the Node that the tests run on', () => {
  const versions = PLATFORMS.filter(({ os }) => os === 'linux').map(({ node }) => node.version);
  expect(versions).toEqual([packageJson.devDependencies.node, packageJson.devDependencies.node]);
});

test('every archive has a Node that package.json allows', () => {
  const [leastMajor = 0, leastMinor = 0] = packageJson.engines.node.replace('>=', '').split('.').map(Number);
  for (const { node } of PLATFORMS) {
    const [major = 0, minor = 0] = node.version.split('.').map(Number);
    expect(major * 1_000 + minor, node.name).toBeGreaterThanOrEqual(leastMajor * 1_000 + leastMinor);
  }
});

test('every package is pinned by a SHA-512', () => {
  for (const { node, postgres } of PLATFORMS)
    for (const { integrity } of [node, postgres]) expect(integrity).toMatch(/^sha512-[\w+/]{86}==$/);
});

test('the platform of this process is one of them', () => {
  expect(thisPlatform().os).toBe(process.platform);
});
