import { describe, expect, test } from 'vitest';
import { authenticateCaller } from './authenticate-caller.ts';
import { type FrontProxy, readFrontProxy } from './front-proxy.ts';

const PROXY: FrontProxy = {
  ca: 'PEM',
  allowedNames: ['front-proxy-client'],
  usernameHeaders: ['X-Remote-User'],
  uidHeaders: ['X-Remote-Uid'],
  groupHeaders: ['X-Remote-Group'],
  extraHeaderPrefixes: ['X-Remote-Extra-'],
};
const PEER = { trusted: true, commonName: 'front-proxy-client' };

describe('the caller', () => {
  test('is the user in the headers of the front proxy, with groups and extra', () => {
    const headers = {
      'x-remote-user': ['ada'],
      'x-remote-uid': ['u1'],
      'x-remote-group': ['a,b', 'system:authenticated'],
      'x-remote-extra-scopes%2fread': ['x', 'y'],
      accept: ['application/json'],
    };
    expect(authenticateCaller(headers, PEER, PROXY)).toEqual({
      username: 'ada',
      uid: 'u1',
      groups: ['a,b', 'system:authenticated'],
      extra: { 'scopes/read': ['x', 'y'] },
    });
  });

  test.each([
    ['without a certificate', { trusted: false, commonName: undefined }],
    ['with a certificate of another CA', { trusted: false, commonName: 'front-proxy-client' }],
    ['with another name', { trusted: true, commonName: 'somebody' }],
    ['without a name', { trusted: true, commonName: undefined }],
  ])('is rejected %s', (_, peer) => {
    expect(() => authenticateCaller({ 'x-remote-user': ['ada'] }, peer, PROXY)).toThrow(
      /only the API server may connect/,
    );
  });

  test('is accepted with any common name if the cluster allows any', () => {
    const peer = { trusted: true, commonName: 'somebody' };
    expect(authenticateCaller({ 'x-remote-user': ['ada'] }, peer, { ...PROXY, allowedNames: [] }).username).toBe('ada');
  });

  test.each([[{}], [{ 'x-remote-user': [''] }]])('is rejected without a user in the headers: %j', (headers) => {
    expect(() => authenticateCaller(headers, PEER, PROXY)).toThrow(expect.objectContaining({ code: 401 }) as Error);
  });
});

describe('the published configuration of the front proxy', () => {
  const metadata = {
    name: 'extension-apiserver-authentication',
    namespace: 'kube-system',
    uid: 'u',
    resourceVersion: '1',
  };
  const data = {
    'client-ca-file': 'OTHER',
    'requestheader-client-ca-file': 'PEM',
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-username-headers': '["X-Remote-User"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
  };

  test('is read, also without the uid header, which older clusters lack', () => {
    expect(readFrontProxy({ metadata, data })).toEqual({ ...PROXY, uidHeaders: [] });
  });

  test.each([
    ['no aggregation layer', { 'client-ca-file': 'OTHER' }],
    ['an empty CA', { ...data, 'requestheader-client-ca-file': '' }],
    ['no user header', { ...data, 'requestheader-username-headers': '[]' }],
    ['invalid JSON', { ...data, 'requestheader-allowed-names': '{' }],
  ])('is rejected with %s', (_, published) => {
    expect(readFrontProxy({ metadata, data: published })).toBeUndefined();
  });
});
