import { expect, test } from 'vitest';
import { type MacPrefix, parsePrefix } from '../mac/mac-range.ts';
import { networkInfoNics } from './network-info.ts';

const PREFIX = parsePrefix('a4:58:0f') as MacPrefix;

test('the annotation of KubeVirt has the addresses of SR-IOV interfaces, by interface name', () => {
  const text = JSON.stringify({
    interfaces: [
      { network: 'fast', deviceInfo: { type: 'pci' }, mac: 'A4:58:0F:05:00:01' },
      { network: 'other', mac: '02:00:00:00:00:01' },
      { network: 'none' },
    ],
  });
  expect(networkInfoNics(text, PREFIX)).toEqual([{ nic: 'fast', mac: 'a4:58:0f:05:00:01' }]);
});

test.each([undefined, '', '{', '[]', '{"interfaces":{}}', '{"interfaces":[{"mac":"a4:58:0f:05:00:01"}]}'])(
  'the text %s has no address',
  (text) => {
    expect(networkInfoNics(text, PREFIX)).toEqual([]);
  },
);
