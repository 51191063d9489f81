import { expect, test } from 'vitest';
import type { PodData } from './pod-data.ts';
import { expand, podEnvironment } from './pod-environment.ts';
import type { Variable } from './stored-pod.ts';

const metadata = { name: 'web-1', namespace: 'shop', uid: 'u', resourceVersion: '1' };
const data: PodData = {
  secret: (name) => Promise.resolve(name === 'db' ? { password: Buffer.from('s3cret') } : undefined),
  configMap: () => Promise.resolve(undefined),
};

function environment(...env: Variable[]): Promise<Record<string, string>> {
  return podEnvironment({ env }, { pod: { metadata }, ip: '127.70.1.1', data });
}

function fromSecret(name: string, key: string, optional = false): Variable {
  return { name: 'IT', value: '', valueFrom: { secretKeyRef: { name, key, optional } } };
}

test('fills in what earlier variables say, and leaves what nobody knows', () => {
  expect(expand('postgres://$(USER)@$(HOST)/$$(x)', { USER: 'me' })).toBe('postgres://me@$(HOST)/$(x)');
});

test('reads Secrets and the fields of the pod', async () => {
  const made = await environment(
    fromSecret('db', 'password'),
    { name: 'URL', value: 'postgres://x:$(IT)@host' },
    { name: 'NAME', value: '', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'IP', value: '', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
  );
  expect(made).toEqual({ IT: 's3cret', URL: 'postgres://x:s3cret@host', NAME: 'web-1', IP: '127.70.1.1' });
});

test('refuses to go on without a Secret that must be there, and goes on without one that may be', async () => {
  await expect(environment(fromSecret('db', 'ca'))).rejects.toThrow('db has no key ca');
  await expect(environment(fromSecret('none', 'ca'))).rejects.toThrow('none has no key ca');
  expect(await environment(fromSecret('none', 'ca', true))).toEqual({});
});
