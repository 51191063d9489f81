import { expect, test } from 'vitest';
import { createNameHider } from './hide-names.ts';

const KEPT = ['kubernetes'];

test('a name is replaced wherever it is written, always by the same substitute', () => {
  const hider = createNameHider('salt', KEPT);
  hider.learn({ owner: { namespace: 'shop', name: 'web-0' }, user: 'system:serviceaccount:shop:ci', deviceId: 'vm 7' });
  const hidden = hider.hide('Pod shop/web-0 of "shop" has the address of vm 7, says ci');
  expect(hidden).toMatch(/^Pod (name-\w{8})\/name-\w{8} of "\1" has the address of name-\w{8}, says name-\w{8}$/);
});

test('only whole names are replaced, and ours are kept', () => {
  const hider = createNameHider('salt', KEPT);
  hider.learn([{ name: 'web', namespace: 'rock-mac-system' }, { name: 'kubernetes' }, { name: 'x', key: '42' }]);
  expect(hider.hide('web-0 webs kubernetes rock-mac-system x 42')).toBe('web-0 webs kubernetes rock-mac-system x 42');
  expect(hider.hide('(web)')).toMatch(/^\(name-\w{8}\)$/);
});

test('another report has other substitutes', () => {
  const [one, other] = ['a', 'b'].map((salt) => {
    const hider = createNameHider(salt, []);
    hider.learn({ name: 'web-0' });
    return hider.hide('web-0');
  });
  expect(one).not.toBe(other);
});

test('a name with characters of a pattern is found as it is', () => {
  const hider = createNameHider('salt', []);
  hider.learn({ deviceId: 'a.b (c)+' });
  expect(hider.hide('device a.b (c)+ ends')).toMatch(/^device name-\w{8} ends$/);
  expect(hider.hide('device axb (c)+ ends')).toBe('device axb (c)+ ends');
});
