import { describe, expect, test } from 'vitest';
import { callerOf } from './caller.ts';
import { readFrontProxy, type FrontProxy } from './front-proxy.ts';

const PROXY: FrontProxy = {
  ca: 'PEM',
  allowedNames: ['front-proxy-client'],
  usernameHeaders: ['X-Remote-User'],
  uidHeaders: ['X-Remote-Uid'],
  groupHeaders: ['X-Remote-Group'],
  extraHeaderPrefixes: ['X-Remote-Extra-'],
};
const PEER = { trusted: true, commonName: 'front-proxy-client' };

describe('who asks', () => {
  test('is who the front proxy says, with groups and what else it knows', () => {
    const headers = {
      'x-remote-user': ['ada'],
      'x-remote-uid': ['u1'],
      'x-remote-group': ['a,b', 'system:authenticated'],
      'x-remote-extra-scopes%2fread': ['x', 'y'],
      accept: ['application/json'],
    };
    expect(callerOf(headers, PEER, PROXY)).toEqual({
      username: 'ada',
      uid: 'u1',
      groups: ['a,b', 'system:authenticated'],
      extra: { 'scopes/read': ['x', 'y'] },
    });
  });

  test.each([
    ['without a certificate', { trusted: false, commonName: undefined }],
    ['with a certificate of another authority', { trusted: false, commonName: 'front-proxy-client' }],
    ['with another name', { trusted: true, commonName: 'somebody' }],
    ['without a name', { trusted: true, commonName: undefined }],
  ])('is nobody %s', (_, peer) => {
    expect(() => callerOf({ 'x-remote-user': ['ada'] }, peer, PROXY)).toThrow(/only the API server may ask/);
  });

  test('may have any name where the cluster allows any', () => {
    const peer = { trusted: true, commonName: 'somebody' };
    expect(callerOf({ 'x-remote-user': ['ada'] }, peer, { ...PROXY, allowedNames: [] }).username).toBe('ada');
  });

  test.each([[{}], [{ 'x-remote-user': [''] }]])('must be said: %j', (headers) => {
    expect(() => callerOf(headers, PEER, PROXY)).toThrow(/did not say who asks/);
  });
});

describe('what a cluster publishes of its front proxy', () => {
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

  test('is read, also without the header of the uid, which older ones do not have', () => {
    expect(readFrontProxy({ metadata, data })).toEqual({ ...PROXY, uidHeaders: [] });
  });

  test.each([
    ['no aggregation layer', { 'client-ca-file': 'OTHER' }],
    ['an empty authority', { ...data, 'requestheader-client-ca-file': '' }],
    ['no header of the user', { ...data, 'requestheader-username-headers': '[]' }],
    ['junk', { ...data, 'requestheader-allowed-names': '{' }],
  ])('lets nobody in with %s', (_, published) => {
    expect(readFrontProxy({ metadata, data: published })).toBeUndefined();
  });
});
