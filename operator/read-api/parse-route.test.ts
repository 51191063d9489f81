import { expect, test } from 'vitest';
import { parseRoute } from './parse-route.ts';

const BASE = '/apis/ledger.mac.rock-os.io/v1alpha1';

test.each([
  ['/apis', { route: 'groups' }],
  ['/apis/', { route: 'groups' }],
  ['/apis/ledger.mac.rock-os.io', { route: 'group' }],
  [BASE, { route: 'version' }],
  ['/openapi/v3', { route: 'openapi-index' }],
  [`/openapi/v3${BASE}`, { route: 'openapi' }],
  [`${BASE}/addresses`, { route: 'list', plural: 'addresses' }],
  [`${BASE}/addresses/a4:58:0f:00:00:01`, { route: 'get', plural: 'addresses', name: 'a4:58:0f:00:00:01' }],
  [`${BASE}/addresses/a4%3A58`, { route: 'get', plural: 'addresses', name: 'a4:58' }],
  [`${BASE}/addresses/x/status`, undefined],
  [`${BASE}/addresses/%zz`, undefined],
  ['/apis/other.io/v1', undefined],
  ['/openapi/v2', undefined],
  ['/', undefined],
])('%s is parsed to its route', (path, route) => {
  expect(parseRoute(path)).toEqual(route);
});
