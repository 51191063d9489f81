import { execFile } from 'node:child_process';
import { chmod, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { withProgress } from '../run/progress.ts';
import type { Log } from '../run/run.ts';
import type { ComponentVersions } from './component-versions.ts';
import { type Downloader, openDownloader } from './verified-download.ts';

export interface ReleaseOptions {
  readonly versions: ComponentVersions;
  readonly platform: Platform;
  readonly kubernetesUrl: string;
  readonly etcdUrl: string;
  readonly connectWithinMs: number;
  readonly progressEveryMs: number;
  readonly log: Log;
}

/** In Go's notation: `linux`, `amd64`. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
}

const kubernetesPrograms = ['kube-apiserver', 'kube-controller-manager', 'kubectl'] as const;

/** Downloads all programs of the official releases into `folder`, and verifies their published checksums. */
export async function downloadReleases(folder: string, options: ReleaseOptions): Promise<void> {
  const downloader = openDownloader(options);
  let now = 'fetching checksums';
  const report = (name: string) => (received: number) => {
    now = `downloading ${name}, ${Math.round(received / 1e6)} MB so far`;
  };
  try {
    await withProgress({ ...options, everyMs: options.progressEveryMs, describe: () => now }, async () => {
      for (const name of kubernetesPrograms) await downloadProgram(downloader, name, folder, options, report(name));
      await downloadEtcd(downloader, folder, options, report('etcd'));
    });
  } finally {
    await downloader.close();
  }
}

async function downloadProgram(
  downloader: Downloader,
  name: string,
  folder: string,
  { versions, platform, kubernetesUrl }: ReleaseOptions,
  onBytes: (received: number) => void,
): Promise<void> {
  const url = `${kubernetesUrl}/${versions.kubernetes}/bin/${platform.os}/${platform.arch}/${name}`;
  const published = await downloader.text(`${url}.sha256`);
  const sha256 = /^[0-9a-f]{64}\b/i.exec(published)?.[0];
  if (sha256 === undefined) throw new Error(`${url}.sha256 contains no SHA-256.`);
  const file = path.join(folder, name);
  await downloader.file(url, file, sha256.toLowerCase(), onBytes);
  await chmod(file, 0o755);
}

async function downloadEtcd(
  downloader: Downloader,
  folder: string,
  { versions, platform, etcdUrl }: ReleaseOptions,
  onBytes: (received: number) => void,
): Promise<void> {
  const base = `${etcdUrl}/${versions.etcd}`;
  const release = `etcd-${versions.etcd}-${platform.os}-${platform.arch}`;
  const sha256 = listedChecksum(await downloader.text(`${base}/SHA256SUMS`), `${release}.tar.gz`);
  if (sha256 === undefined) throw new Error(`${base}/SHA256SUMS does not list ${release}.tar.gz.`);
  const archive = path.join(folder, `${release}.tar.gz`);
  await downloader.file(`${base}/${release}.tar.gz`, archive, sha256, onBytes);
  await promisify(execFile)('tar', ['-xzf', archive, '-C', folder, `${release}/etcd`]);
  await rename(path.join(folder, release, 'etcd'), path.join(folder, 'etcd'));
  await rm(path.join(folder, release), { recursive: true });
  await rm(archive);
}

/** Finds one file's checksum in the output of sha256sum. */
export function listedChecksum(sums: string, file: string): string | undefined {
  const fields = sums.split('\n').map((line) => line.trim().split(/\s+\*?/));
  return fields.find(([, name]) => name === file)?.[0]?.toLowerCase();
}
