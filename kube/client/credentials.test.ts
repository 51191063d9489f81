import { KubeConfig } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { createManualClock } from '../../test/doubles/manual-clock.ts';
import { createCredentialSource } from './credentials.ts';

/** Returns the error of reading the credentials of this cluster and user. */
async function problemOf({ cluster = {}, user = {} }: { cluster?: object; user?: object }): Promise<unknown> {
  const config = new KubeConfig();
  const context = { cluster: 'c', user: 'u' };
  config.loadFromString(
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1', ...cluster } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'c', context }],
      'current-context': 'c',
    }),
  );
  const source = createCredentialSource({ load: () => config, clock: createManualClock() });
  return await source.get().catch((error: unknown) => error);
}

const exec = (command: string, args: readonly string[] = []) => ({
  exec: { apiVersion: 'client.authentication.k8s.io/v1', command, args, interactiveMode: 'Never' },
});

test.each([
  [
    'a CA that does not exist',
    { cluster: { 'certificate-authority': '/no/ca.crt' } },
    '/no/ca.crt cannot be read (there is no such file)',
  ],
  [
    'a client key that is a folder',
    { user: { 'client-certificate': import.meta.filename, 'client-key': import.meta.dirname } },
    'one of its files cannot be read (it is a folder)',
  ],
  [
    'a credential plugin that does not exist',
    { user: exec('/no/login') },
    'the credential plugin /no/login cannot be run (there is no such file)',
  ],
  [
    'a credential plugin that prints no JSON',
    { user: exec(process.execPath, ['-p', '"s3cr3t"']) },
    'the credential plugin did not print JSON',
  ],
])('%s is reported in words', async (_case, parts, wanted) => {
  const problem = await problemOf(parts);
  expect(String(problem)).toContain(wanted);
  expect(String(problem)).toContain('the credentials of the kubeconfig cannot be used');
  expect(String(problem)).not.toMatch(/ENOENT|EISDIR|s3cr3t/);
});
