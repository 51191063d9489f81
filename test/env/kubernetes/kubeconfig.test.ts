import { KubeConfig } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { type Credentials, kubeconfigText } from './kubeconfig.ts';

function load(credentials: Credentials, namespace?: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromString(
    kubeconfigText({ server: 'https://127.0.0.1:6443', ca: 'CA', user: 'alice', credentials, namespace }),
  );
  return config;
}

describe('a kubeconfig', () => {
  it('contains a client certificate', () => {
    const config = load({ certificate: 'CERTIFICATE', key: 'KEY' });
    expect(config.getCurrentCluster()?.server).toBe('https://127.0.0.1:6443');
    expect(Buffer.from(config.getCurrentUser()?.certData ?? '', 'base64').toString()).toBe('CERTIFICATE');
    expect(Buffer.from(config.getCurrentUser()?.keyData ?? '', 'base64').toString()).toBe('KEY');
  });

  it('contains a token and a namespace', () => {
    const config = load({ token: 'secret' }, 'fleet');
    expect(config.getCurrentUser()?.token).toBe('secret');
    expect(config.getContextObject('env')?.namespace).toBe('fleet');
  });
});
