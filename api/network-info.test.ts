import { expect, test } from 'vitest';
import { networkInfoNics } from './network-info.ts';

test('the annotation of KubeVirt has the addresses of SR-IOV interfaces, by interface name', () => {
  const text = JSON.stringify({
    interfaces: [
      { network: 'fast', deviceInfo: { type: 'pci' }, mac: 'A4:58:0F:05:00:01' },
      { network: 'other', mac: '02:00:00:00:00:01' },
      { network: 'none' },
    ],
  });
  expect(networkInfoNics(text)).toEqual([
    { nic: 'fast', mac: 'a4:58:0f:05:00:01' },
    { nic: 'other', mac: '02:00:00:00:00:01' },
  ]);
});

test.each([undefined, '', '{', '[]', '{"interfaces":{}}', '{"interfaces":[{"mac":"a4:58:0f:05:00:01"}]}'])(
  'the text %s has no address',
  (text) => {
    expect(networkInfoNics(text)).toEqual([]);
  },
);
