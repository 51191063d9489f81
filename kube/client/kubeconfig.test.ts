import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { KubeConfigError, loadKubeConfig } from './kubeconfig.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

interface Parts {
  readonly server?: string;
  readonly user?: object;
  readonly context?: string;
  readonly current?: string;
}

function write(
  name: string,
  { server = 'https://a:1', user = {}, context = name, current = context }: Parts = {},
): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    stringify({
      clusters: [{ name: `${name}-cluster`, cluster: { server, 'certificate-authority': 'ca.crt' } }],
      users: [{ name: `${name}-user`, user }],
      contexts: [{ name: context, context: { cluster: `${name}-cluster`, user: `${name}-user`, namespace: 'fleet' } }],
      'current-context': current,
    }),
  );
  return path;
}

const dependencies = (env: Record<string, string> = {}) => ({ env: { HOME: folder, ...env }, root: folder });

describe('the kubeconfig', () => {
  test('is the given file, and its relative paths start at its directory', () => {
    const config = loadKubeConfig({ kubeconfig: write('one') }, dependencies());
    expect(config.getCurrentCluster()).toMatchObject({ server: 'https://a:1', caFile: join(folder, 'ca.crt') });
    expect(config.getContextObject('one')?.namespace).toBe('fleet');
  });

  test('is ~/.kube/config by default', () => {
    mkdirSync(join(folder, '.kube'));
    write('.kube/config', { context: 'home' });
    expect(loadKubeConfig({}, dependencies()).getCurrentContext()).toBe('home');
  });

  test('is merged from the files in KUBECONFIG: the first definition of a name wins, and a missing file is skipped', () => {
    const first = write('first', { server: 'https://first:1', context: 'shared', current: '' });
    const second = write('second', { server: 'https://second:1', context: 'shared' });
    const env = { KUBECONFIG: [first, join(folder, 'missing'), second].join(':') };
    const config = loadKubeConfig({}, dependencies(env));
    expect(config.getCurrentContext()).toBe('shared');
    expect(config.getCurrentCluster()?.server).toBe('https://first:1');
    expect(config.getClusters().map(({ server }) => server)).toEqual(['https://first:1', 'https://second:1']);
  });

  test('selects another context on request', () => {
    const kubeconfig = [write('one'), write('two', { server: 'https://two:1' })].join(':');
    const config = loadKubeConfig({ kubeconfig, context: 'two' }, dependencies());
    expect(config.getCurrentCluster()?.server).toBe('https://two:1');
  });

  test('prefers the token file of a user to an inline token', async () => {
    writeFileSync(join(folder, 'token'), 'from-the-file\n');
    const user = { tokenFile: 'token', token: 'stale' };
    const config = loadKubeConfig({ kubeconfig: write('one', { server: 'http://127.0.0.1:1', user }) }, dependencies());
    // The CA file that the kubeconfig names does not exist.
    Object.assign(config.getCurrentCluster() ?? {}, { caFile: undefined });
    const applied: { headers?: Record<string, string> } = {};
    await config.applyToHTTPSOptions(applied);
    expect(applied.headers).toEqual({ Authorization: 'Bearer from-the-file\n' });
  });

  test('finds a credential plugin with a relative path beside the file, and a plain name in PATH', () => {
    const command = (given: string): unknown =>
      loadKubeConfig(
        { kubeconfig: write('one', { user: { exec: { command: given } } }) },
        dependencies(),
      ).getCurrentUser()?.exec;
    expect(command('./bin/login')).toEqual({ command: join(folder, 'bin/login') });
    expect(command('login')).toEqual({ command: 'login' });
  });

  test('is the service account of the pod without a file, or on request', () => {
    const secrets = join(folder, 'var/run/secrets/kubernetes.io/serviceaccount');
    mkdirSync(secrets, { recursive: true });
    writeFileSync(join(secrets, 'token'), 'robot');
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '10.0.0.1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', '443');
    expect(loadKubeConfig({}, dependencies(env)).getCurrentCluster()?.server).toBe('https://10.0.0.1:443');
    const named = { ...env, KUBECONFIG: write('one') };
    expect(loadKubeConfig({ inCluster: true }, dependencies(named)).getCurrentCluster()?.server).toBe(
      'https://10.0.0.1:443',
    );
    expect(loadKubeConfig({}, dependencies(named)).getCurrentCluster()?.server).toBe('https://a:1');
  });
});

describe('a kubeconfig that cannot be used', () => {
  test.each([
    [
      'reports which file is missing',
      () => join(folder, 'missing'),
      /^the kubeconfig .*missing cannot be read \(there is no such file\)$/,
    ],
    [
      'reports that a context does not exist',
      () => write('one', { current: 'other' }),
      /no cluster for the context "other"/,
    ],
  ])('%s', (_case, path, message) => {
    expect(() => loadKubeConfig({ kubeconfig: path() }, dependencies())).toThrow(message);
  });

  test('reports that no API server is configured', () => {
    expect(() => loadKubeConfig({}, dependencies())).toThrow(/no way to reach a cluster/);
  });

  test.each([
    ['is not YAML', 'users: [{name: a, user: {token: s3cr3t}}\n  - ]['],
    ['does not match the schema', 'users: [{name: 1, user: {token: s3cr3t}}]'],
    ['has its token in the wrong place', 'users: {token: s3cr3t}'],
  ])('is never quoted when it %s, because it contains secrets', (_case, text) => {
    const path = join(folder, 'broken');
    writeFileSync(path, text);
    let thrown: unknown;
    try {
      loadKubeConfig({ kubeconfig: path }, dependencies());
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(KubeConfigError);
    expect(String(thrown)).toContain(path);
    expect(String(thrown)).not.toContain('s3cr3t');
    expect((thrown as Error).cause).toBeUndefined();
  });
});
