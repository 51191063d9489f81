import { stringify } from 'yaml';
import type { Platform } from './platforms.ts';

/** An archive of the plugin, where it will be found. */
export interface PluginArchive {
  readonly platform: Platform;
  /** The folder at the top of the archive. */
  readonly folder: string;
  readonly url: string;
  readonly sha256: string;
}

/** Returns the manifest with which krew installs the plugin (krew.sigs.k8s.io/docs/developer-guide/plugin-manifest). */
export function krewManifest(version: string, homepage: string, archives: readonly PluginArchive[]): string {
  return stringify({
    apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
    kind: 'Plugin',
    metadata: { name: 'rock-mac' },
    spec: {
      version: `v${version}`,
      homepage,
      shortDescription: 'Allocate MAC addresses without duplicates',
      description:
        'Allocates, shows and releases MAC addresses of the rock-mac installation in a cluster. All of them come from one ledger, so no two devices get the same address.',
      caveats:
        'The cluster needs rock-mac: install its Helm chart first. `kubectl rock-mac doctor` says what does not work.',
      platforms: archives.map(({ platform, folder, url, sha256 }) => ({
        selector: { matchLabels: { os: platform.os, arch: platform.arch } },
        uri: url,
        sha256,
        files: [{ from: `${folder}/*`, to: '.' }],
        bin: 'kubectl-rock_mac',
      })),
    },
  });
}
