import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type ServedFile, serveFiles } from '../../doubles/http-files.ts';
import { reservePort } from '../run/port-reservation.ts';
import { tempFolder } from '../run/temp-folder.ts';
import { type BinariesOptions, resolveBinaries } from './binaries.ts';

const names = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const arch = process.arch === 'x64' ? 'amd64' : process.arch;
const platform = `${process.platform}-${arch}`;

const goMod = 'go 1.26.0\nrequire k8s.io/kubernetes v1.99.0\nrequire go.etcd.io/etcd/server/v3 v3.99.0\n';

/** A fake Go program: it records its arguments and creates the programs, unless it is configured to fail. */
const fakeGo = `#!/bin/sh
case "$1" in
  version) echo 'go version go9.9.9' ;;
  list) printf 'a\\nb\\nc\\n' ;;
  build)
    echo "$PWD $*" >> "$CALLS"
    [ -n "$FAIL" ] && { echo 'pkg.go:1: broken' >&2; exit 1; }
    sleep 0.3
    while [ "$1" != -o ]; do shift; done
    for name in kube-apiserver kube-controller-manager kubectl server; do
      echo built > "$2/$name"; chmod 755 "$2/$name"
    done ;;
esac`;

/** An environment without assets, cache, download server and Go. */
async function bareEnvironment() {
  const folder = await tempFolder();
  const moduleFolder = path.join(folder, 'module');
  await mkdir(moduleFolder);
  await writeFile(path.join(moduleFolder, 'go.mod'), goMod);
  const closed = await reservePort();
  await closed.release();
  const calls = path.join(folder, 'calls');
  const log: string[] = [];
  const options = {
    env: { PATH: process.env['PATH'], HOME: folder, CALLS: calls },
    log: (line: string) => log.push(line),
    kubernetesUrl: `http://127.0.0.1:${closed.value}`,
    etcdUrl: `http://127.0.0.1:${closed.value}`,
    connectWithinMs: 500,
    go: path.join(folder, 'no-such-go'),
    moduleFolder,
  } satisfies BinariesOptions;
  const installGo = async () => {
    const go = path.join(folder, 'go');
    await writeFile(go, fakeGo);
    await chmod(go, 0o755);
    return go;
  };
  const cache = path.join(folder, '.cache/rock-mac/control-plane/v1.99.0-v3.99.0', platform);
  return { folder, options, log, cache, calls, installGo };
}

async function putPrograms(folder: string, some: readonly string[] = names): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of some) await writeFile(path.join(folder, name), 'put here', { mode: 0o755 });
}

async function release(): Promise<Record<string, ServedFile>> {
  const folder = await tempFolder();
  const etcd = `etcd-v3.99.0-${platform}`;
  await putPrograms(path.join(folder, etcd), ['etcd', 'etcdctl']);
  await promisify(execFile)('tar', ['-czf', 'etcd.tar.gz', etcd], { cwd: folder });
  const archive = await readFile(path.join(folder, 'etcd.tar.gz'));
  const sum = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
  const bin = `/v1.99.0/bin/${process.platform}/${arch}`;
  const kubernetes = names.slice(1).flatMap((name): [string, ServedFile][] => [
    [`${bin}/${name}`, `official ${name}`],
    [`${bin}/${name}.sha256`, sum(`official ${name}`)],
  ]);
  return {
    ...Object.fromEntries(kubernetes),
    [`/v3.99.0/${etcd}.tar.gz`]: archive,
    '/v3.99.0/SHA256SUMS': `${sum('other')}  other.zip\n${sum(archive)}  ${etcd}.tar.gz\n`,
  };
}

describe('the Kubernetes programs', () => {
  it('come from KUBEBUILDER_ASSETS if it has all of them', async () => {
    const { folder, options, log } = await bareEnvironment();
    const assets = path.join(folder, 'assets');
    await putPrograms(assets);
    const binaries = await resolveBinaries({ ...options, env: { ...options.env, KUBEBUILDER_ASSETS: assets } });
    expect(binaries).toEqual({
      folder: assets,
      etcd: path.join(assets, 'etcd'),
      kubeApiserver: path.join(assets, 'kube-apiserver'),
      kubeControllerManager: path.join(assets, 'kube-controller-manager'),
      kubectl: path.join(assets, 'kubectl'),
    });
    expect(log).toEqual([`Kubernetes programs by KUBEBUILDER_ASSETS: ${assets}`]);
  });

  it('come from the cache if KUBEBUILDER_ASSETS lacks one, and the log says so', async () => {
    const { folder, options, log, cache } = await bareEnvironment();
    const assets = path.join(folder, 'assets');
    await putPrograms(assets, ['etcd', 'kube-apiserver', 'kubectl']);
    await putPrograms(cache);
    const env = { ...options.env, KUBEBUILDER_ASSETS: assets };
    expect((await resolveBinaries({ ...options, env })).folder).toBe(cache);
    expect(log).toEqual([
      `KUBEBUILDER_ASSETS (${assets}) is ignored, because it lacks kube-controller-manager`,
      `Kubernetes programs by the cache: ${cache}`,
    ]);
  });

  it('are cached below XDG_CACHE_HOME if it is set', async () => {
    const { folder, options } = await bareEnvironment();
    const cache = path.join(folder, 'xdg/rock-mac/control-plane/v1.99.0-v3.99.0', platform);
    await putPrograms(cache);
    const env = { ...options.env, XDG_CACHE_HOME: path.join(folder, 'xdg') };
    expect((await resolveBinaries({ ...options, env })).folder).toBe(cache);
  });

  it('are downloaded into the cache', async () => {
    const { options, log, cache } = await bareEnvironment();
    const { url, asked } = await serveFiles(await release());
    const from = { ...options, kubernetesUrl: url, etcdUrl: url };
    expect((await resolveBinaries(from)).folder).toBe(cache);
    expect(await readFile(path.join(cache, 'kubectl'), 'utf8')).toBe('official kubectl');
    expect(await readdir(cache)).toEqual(names);
    expect(await readdir(path.dirname(cache))).toEqual([platform]);
    expect(log).toEqual([`Kubernetes programs by the download of the official releases: ${cache}`]);
    const before = asked.length;
    await resolveBinaries(from);
    expect(asked).toHaveLength(before);
  });

  it.each<{ fault: string; file: string; served: ServedFile }>([
    { fault: 'has another checksum', file: 'kubectl', served: 'something else' },
    { fault: 'is missing', file: 'kube-controller-manager', served: { status: 404 } },
    { fault: 'is cut', file: 'kube-apiserver', served: { cutAfterHalfOf: 'official kube-apiserver' } },
    { fault: 'has no checksum', file: 'kubectl.sha256', served: '<html>' },
  ])('are built by Go when a downloaded file $fault', async ({ file, served }) => {
    const { options, log, cache, installGo } = await bareEnvironment();
    const files = { ...(await release()), [`/v1.99.0/bin/${process.platform}/${arch}/${file}`]: served };
    const { url } = await serveFiles(files);
    await resolveBinaries({ ...options, kubernetesUrl: url, etcdUrl: url, go: await installGo() });
    expect(await readFile(path.join(cache, 'kubectl'), 'utf8')).toBe('built\n');
    expect(log[0]).toMatch(new RegExp(`^no download .*${file.replace('.sha256', '')}`));
    expect(log.at(-1)).toBe(`Kubernetes programs by a Go build: ${cache}`);
  });

  it('are built once for two concurrent callers, and the second uses the result', async () => {
    const { options, log, cache, calls, installGo } = await bareEnvironment();
    const from = { ...options, go: await installGo() };
    const [one, two] = await Promise.all([resolveBinaries(from), resolveBinaries(from)]);
    expect(one).toEqual(two);
    expect(log).toContain(`waiting for process ${process.pid}, which is already getting the Kubernetes programs`);
    expect(log).toContain(`Kubernetes programs by a Go build: ${cache}`);
    expect(log).toContain(`Kubernetes programs by the cache: ${cache}`);
    const built = (await readFile(calls, 'utf8')).trim().split('\n');
    expect(built).toHaveLength(1);
    expect(built[0]).toContain(`${options.moduleFolder} build -v -trimpath -ldflags -s -w -X`);
  });

  it('replace an incomplete cache and the remains of a killed build', async () => {
    const { options, cache, installGo } = await bareEnvironment();
    await putPrograms(cache, ['etcd']);
    await putPrograms(path.join(path.dirname(cache), '.unfinished-abc'));
    await resolveBinaries({ ...options, go: await installGo() });
    expect(await readdir(path.dirname(cache))).toEqual([platform]);
    expect(await readdir(cache)).toEqual(names);
  });

  it('are missing if nothing works, and the error says what to install', async () => {
    const { options, cache } = await bareEnvironment();
    const asking = resolveBinaries(options);
    await expect(asking).rejects.toThrow(/ECONNREFUSED[^]*no-such-go failed; Go 1\.26\.0 or newer is needed/);
    await expect(asking).rejects.toThrow('Install Go 1.26.0 or newer (https://go.dev/dl), or allow access to');
    expect(await readdir(path.dirname(cache))).toEqual([]);
  });

  it('are missing if the build fails, and the error shows the output of the compiler', async () => {
    const { options, installGo } = await bareEnvironment();
    const env = { ...options.env, FAIL: 'yes' };
    const asking = resolveBinaries({ ...options, env, go: await installGo() });
    await expect(asking).rejects.toThrow(/go build exited with code 1:\npkg\.go:1: broken/);
  });
});
