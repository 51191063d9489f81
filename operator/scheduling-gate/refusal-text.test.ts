import { expect, test } from 'vitest';
import { refusalText } from './refusal-text.ts';

test.each([
  [
    'our webhook',
    'admission webhook "inject-objects.mac.rock-os.io" denied the request: Pool tiny has no free address.\nRelease addresses.',
    'Pool tiny has no free address.\nRelease addresses.',
  ],
  [
    'a policy',
    `pods "p" is forbidden: ValidatingAdmissionPolicy 'rock-mac-stray-addresses' with binding 'rock-mac-stray-addresses' denied request: Leave the address out.`,
    'Leave the address out.',
  ],
  ['a changed version', 'Operation cannot be fulfilled on pods "p": the object has been modified', undefined],
  ['a webhook that cannot be reached', 'failed calling webhook "x": connection refused', undefined],
])('the text of a refusal by %s', (_, message, wanted) => {
  expect(refusalText(message)).toBe(wanted);
});
