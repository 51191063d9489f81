import { expect, test } from 'vitest';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import { isSameCopy, type Workload } from './workload.ts';

const ONE = mac('a4:58:0f:05:00:01');
const OTHER = mac('a4:58:0f:05:00:02');

function aPod(uses: readonly MacAddress[], onWire?: readonly MacAddress[]): Workload {
  const reported = onWire?.map((each) => ({ name: 'net1', mac: each }));
  const metadata = { name: 'pod', uid: 'u1', resourceVersion: '1' };
  return { metadata, nics: [], uses, ...(reported !== undefined && { onWire: reported }) };
}

test.each([
  ['the same addresses', aPod([ONE], [OTHER]), true],
  ['more addresses', aPod([ONE, OTHER], [OTHER]), false],
  ['as many other addresses', aPod([OTHER], [OTHER]), false],
  ['other addresses on the link', aPod([ONE], [ONE]), false],
  ['none on the link', aPod([ONE]), false],
])('whether two copies are one: with %s', (_, copy, wanted) => {
  expect(isSameCopy(aPod([ONE], [OTHER]), copy)).toBe(wanted);
});
