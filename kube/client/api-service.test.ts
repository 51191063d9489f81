import { expect, test } from 'vitest';
import { isUnavailable } from './api-service.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const metadata = { name: 'v1alpha1.ledger.mac.rock-os.io', uid: 'u', resourceVersion: '1' };

test.each([
  ['responds', 'True', '2026-01-01T11:00:00Z', false],
  ['has been down for a moment', 'False', '2026-01-01T11:59:40Z', false],
  ['has been down for long', 'False', '2026-01-01T11:59:00Z', true],
  ['was not checked yet', 'Unknown', '2026-01-01T11:00:00Z', false],
])('decides whether an API that %s is unavailable', (_, status, lastTransitionTime, dead) => {
  const conditions = [{ type: 'Available', status, lastTransitionTime }];
  expect(isUnavailable({ metadata, spec: {}, status: { conditions } }, NOW, 30_000)).toBe(dead);
});

test('an API without conditions does not count as unavailable', () => {
  expect(isUnavailable({ metadata, spec: {} }, NOW, 30_000)).toBe(false);
});
