import { expect, test } from 'vitest';
import { isUnavailable } from './api-service.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const metadata = { name: 'v1alpha1.ledger.mac.rock-os.io', uid: 'u', resourceVersion: '1' };

test.each([
  ['answers', 'True', '2026-01-01T11:00:00Z', false],
  ['has been silent for a moment', 'False', '2026-01-01T11:59:40Z', false],
  ['has been silent for long', 'False', '2026-01-01T11:59:00Z', true],
  ['was not judged yet', 'Unknown', '2026-01-01T11:00:00Z', false],
])('whether an API that %s is unavailable', (_, status, lastTransitionTime, dead) => {
  const conditions = [{ type: 'Available', status, lastTransitionTime }];
  expect(isUnavailable({ metadata, spec: {}, status: { conditions } }, NOW, 30_000)).toBe(dead);
});

test('an API without conditions is not taken for unavailable', () => {
  expect(isUnavailable({ metadata, spec: {} }, NOW, 30_000)).toBe(false);
});
