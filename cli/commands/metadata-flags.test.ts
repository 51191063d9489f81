import { expect, test } from 'vitest';
import { metadataOf } from './metadata-flags.ts';

test('flags and metadata are one', () => {
  expect(metadataOf({ metadata: '{"rack":"a7"}', ip: '2001:DB8::7', hostname: 'Web-1' })).toEqual({
    rack: 'a7',
    ip: '2001:db8::7',
    hostname: 'web-1',
  });
  expect(metadataOf({ metadata: '{"ip":["192.0.2.7","192.0.2.8"]}' })).toEqual({ ip: '192.0.2.7,192.0.2.8' });
});

test.each([
  [{ metadata: '{}', ip: '192.0.2.700' }, /The ip "192\.0\.2\.700" is not valid\. Give up to 16 unicast/],
  [{ metadata: '{}', ip: '' }, /The ip "" is not valid/], // an unset variable of a shell
  [{ metadata: '{"ip":7}' }, /The ip 7 is not valid/],
  [{ metadata: '{}', hostname: 'web_1' }, /The hostname "web_1" is not valid\. Give letters/],
  [{ metadata: '{"ip":"192.0.2.7"}', ip: '192.0.2.8' }, /Both --ip and --metadata have "ip"/],
])('%j is refused', (options, message) => {
  expect(() => metadataOf(options)).toThrow(message);
});
