import { expect, test } from 'vitest';
import { providerMacAnnotations } from './kube-ovn.ts';

test('the annotation of a network names its provider, and a network that is attached twice has none', () => {
  const attachments = ['web/blue', 'web/red', 'web/blue'].map((network) => ({ network }));
  expect(providerMacAnnotations(attachments)).toEqual(['', 'red.web.ovn.kubernetes.io/mac_address', '']);
});

test('each of ten thousand attachments is compared only with those of its network', () => {
  let reads = 0;
  const attachments = Array.from({ length: 10_000 }, (_, index) => ({
    get network() {
      reads++;
      return `web/n${String(index)}`;
    },
  }));
  expect(new Set(providerMacAnnotations(attachments)).size).toBe(attachments.length);
  expect(reads).toBeLessThanOrEqual(2 * attachments.length);
});
