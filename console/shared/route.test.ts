import { expect, test } from 'vitest';
import { hashOf, parseRoute, type Route } from './route.ts';

test.each<Route>([
  { page: 'pools' },
  { page: 'map', pool: 'kubernetes', at: 'a4:58:0f:00:00:01' },
  { page: 'map', pool: undefined, at: undefined },
  { page: 'search', text: 'web & <b>' },
  { page: 'address', mac: 'a4:58:0f:00:00:01' },
  { page: 'audit', filter: { pool: 'docker', actor: 'a=b&c' } },
  { page: 'clusters' },
])('the page $page keeps its parameters in the address', (route) => {
  expect(parseRoute(hashOf(route))).toEqual(route);
});

test.each(['', '#/', '#/unknown', '#/address', '#/%E0%A4%A'])('%s leads to the pools', (hash) => {
  expect(parseRoute(hash)).toEqual({ page: 'pools' });
});
