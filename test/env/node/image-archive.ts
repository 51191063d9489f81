import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { ImageFolder } from '../../../hack/rootfs.ts';

const run = promisify(execFile);

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Writes an image as an archive that a container runtime imports (OCI image layout), with all files in one layer. */
export async function writeImageArchive(file: string, reference: string, image: ImageFolder): Promise<void> {
  const layout = await mkdtemp(`${file}-`);
  try {
    const blobs = path.join(layout, 'blobs/sha256');
    await mkdir(blobs, { recursive: true });
    const layer = await addLayer(image.rootfs, layout, blobs);
    const config = await addJson(blobs, 'application/vnd.oci.image.config.v1+json', {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: configOf(image),
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    });
    const manifest = await addJson(blobs, 'application/vnd.oci.image.manifest.v1+json', {
      ...{ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json' },
      ...{ config, layers: [layer] },
    });
    const annotations = { 'io.containerd.image.name': reference };
    const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
    await writeFile(path.join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(path.join(layout, 'index.json'), JSON.stringify(index));
    await run('tar', ['-cf', file, '-C', layout, 'oci-layout', 'index.json', 'blobs']);
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
}

function configOf({ config }: ImageFolder) {
  return {
    User: config.user,
    WorkingDir: config.workingDir,
    Env: Object.entries({ PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...config.env }).map(
      ([name, value]) => `${name}=${value}`,
    ),
    Entrypoint: config.entrypoint,
    Cmd: config.command,
    ...(config.stopSignal !== undefined && { StopSignal: config.stopSignal }),
  };
}

async function addLayer(rootfs: string, layout: string, blobs: string): Promise<Descriptor> {
  const tar = path.join(layout, 'layer.tar');
  await run('tar', ['--owner=0', '--group=0', '--numeric-owner', '-cf', tar, '-C', rootfs, '.']);
  const hash = createHash('sha256');
  await pipeline(createReadStream(tar), hash);
  const digest = hash.digest('hex');
  const { size } = await stat(tar);
  await rename(tar, path.join(blobs, digest));
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${digest}`, size };
}

async function addJson(blobs: string, mediaType: string, value: object): Promise<Descriptor> {
  const text = JSON.stringify(value);
  const digest = createHash('sha256').update(text).digest('hex');
  await writeFile(path.join(blobs, digest), text);
  return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
}
