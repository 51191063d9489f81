import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mac } from '../mac/mac-address.ts';
import { type NetworksAnnotation, nicNames, parseNetworks } from './multus-networks.ts';

const A = mac('a4:58:0f:05:00:01');
const B = mac('a4:58:0f:05:00:02');

function parse(text: string): NetworksAnnotation {
  const parsed = parseNetworks(text, 'web');
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.networks;
}

describe('the JSON form', () => {
  test('names network, interface and MAC of each attachment', () => {
    const { attachments } = parse(
      '[{"name":"blue"},{"name":"red","namespace":"infra","interface":"eth5","mac":"A4-58-0F-05-00-09"}]',
    );
    expect(attachments).toEqual([
      { network: 'web/blue' },
      { network: 'infra/red', interfaceName: 'eth5', mac: 'A4-58-0F-05-00-09' },
    ]);
  });

  test('keeps unknown keys and the spelling of everything else when it sets MACs', () => {
    const text = '[ {"name":"blue", "cni-args":{"n":1.0,"big":12345678901234567890} },\n  {"name":"red","mac":"old"} ]';
    expect(parse(text).withMacs([A, B])).toBe(
      `[ {"mac":"${A}","name":"blue", "cni-args":{"n":1.0,"big":12345678901234567890} },\n  {"name":"red","mac":"${B}"} ]`,
    );
  });

  test('leaves an attachment without a new MAC unchanged', () => {
    const text = '[{"name":"blue"},{"name":"red"}]';
    expect(parse(text).withMacs([undefined, B])).toBe(`[{"name":"blue"},{"mac":"${B}","name":"red"}]`);
  });

  test('replaces both of two mac members, so no reader sees the old one', () => {
    expect(parse('[{"name":"blue","mac":"x","mac":"y"}]').withMacs([A])).toBe(
      `[{"name":"blue","mac":"${A}","mac":"${A}"}]`,
    );
  });

  test('finds and replaces a MAC whose key is spelled in another case, as Multus would', () => {
    const networks = parse('[{"Name":"blue","MAC":"a4:58:0f:05:00:09"}]');
    expect(networks.attachments).toEqual([{ network: 'web/blue', mac: 'a4:58:0f:05:00:09' }]);
    expect(networks.withMacs([A])).toBe(`[{"Name":"blue","MAC":"${A}"}]`);
  });

  test('treats null and empty strings as absent', () => {
    const { attachments } = parse('[{"name":"blue","namespace":"","interface":null,"mac":""}]');
    expect(attachments).toEqual([{ network: 'web/blue' }]);
  });

  test('changes nothing but the MACs for a reader, whatever the entries contain', () => {
    const entry = fc.record(
      { name: fc.constant('blue'), extra: fc.jsonValue(), 'cni-args': fc.dictionary(fc.string(), fc.jsonValue()) },
      { requiredKeys: ['name'] },
    );
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 4 }), (entries) => {
        const text = JSON.stringify(entries);
        const written = JSON.parse(parse(text).withMacs(entries.map(() => A))) as unknown;
        expect(written).toEqual((JSON.parse(text) as object[]).map((each) => ({ ...each, mac: A })));
      }),
    );
  });

  test.each([
    ['{"name":"blue"}', /not a JSON list/],
    ['[{"name":"blue"', /not valid JSON/],
    ['[{"mac":"x"}]', /bad entry at \[0\.name\]/],
    ['[{"name":"blue"},{"name":"Red"}]', /bad entry at \[1\.name\]/],
    ['[{"name":"blue","interface":"a-name-of-20-letters"}]', /longer than 15/],
    ['[{"name":"blue","mac":17}]', /\[0\.mac\]/],
    ['["blue"]', /bad entry at \[0\]/],
  ])('refuses %s with a reason', (text, problem) => {
    const parsed = parseNetworks(text, 'web');
    expect(parsed.ok ? '' : parsed.problem).toMatch(problem);
  });
});

describe('the comma form', () => {
  test('is parsed with namespaces and interface names, and returned as JSON', () => {
    const networks = parse('blue, infra/red@eth5');
    expect(networks.attachments).toEqual([{ network: 'web/blue' }, { network: 'infra/red', interfaceName: 'eth5' }]);
    expect(networks.withMacs([A, undefined])).toBe(
      `[{"name":"blue","mac":"${A}"},{"name":"red","namespace":"infra","interface":"eth5"}]`,
    );
  });

  test.each(['a/b/c', 'blue@x@y', 'Blue', 'blue,,red', 'blue@a-name-of-20-letters'])('refuses %s', (text) => {
    expect(parseNetworks(text, 'web').ok).toBe(false);
  });
});

test('an attachment without an interface name is identified by network and occurrence', () => {
  const { attachments } = parse('blue,red,blue@eth7,blue');
  expect(nicNames(attachments)).toEqual(['web/blue#0', 'web/red#0', 'eth7', 'web/blue#2']);
});
