import { describe, expect, it } from 'vitest';
import { optionsFromEnvironment } from './options.ts';

describe('the environment', () => {
  it('sets the ports that it names', () => {
    const env = { ROCK_MAC_ENV_API_PORT: '6443', ROCK_MAC_ENV_POSTGRES_PORT: '5432' };
    expect(optionsFromEnvironment(env)).toEqual({
      controlPlanes: [{ ports: { api: 6443 } }],
      postgres: { port: 5432 },
      nodes: 0,
    });
  });

  it('leaves ports that are unset or empty to be chosen', () => {
    const want = { controlPlanes: [{ ports: {} }], postgres: {}, nodes: 0 };
    expect(optionsFromEnvironment({})).toEqual(want);
    expect(optionsFromEnvironment({ ROCK_MAC_ENV_ETCD_PORT: '' })).toEqual(want);
  });

  it('sets the number of real nodes', () => {
    expect(optionsFromEnvironment({ NODE: '2' })).toMatchObject({ nodes: 2 });
    expect(() => optionsFromEnvironment({ NODE: 'yes' })).toThrow('NODE must be the number of nodes');
  });

  it.each(['http', '0', '65536', '80.5'])('rejects %j as a port and names the variable', (value) => {
    expect(() => optionsFromEnvironment({ ROCK_MAC_ENV_API_PORT: value })).toThrow(
      'ROCK_MAC_ENV_API_PORT must be a port between 1 and 65535',
    );
  });
});
