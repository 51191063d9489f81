import { KUBE_OVN_MAC_ANNOTATION } from '../../api/kube-ovn.ts';
import { NETWORK_STATUS_ANNOTATION } from '../../api/multus-networks.ts';
import { NETWORK_INFO_ANNOTATION } from '../../api/network-info.ts';
import { PRIMARY_MAC_ANNOTATIONS } from '../../api/pod-nics.ts';
import { WEBHOOK_ANNOTATIONS } from './match-conditions.ts';

/*
 * The parts of an object that can name an address, in CEL. The policies for stray addresses search them as one text.
 */

/** The annotations of a pod that can name an address which the pod uses, and that the webhook does not read. */
const OTHER_ANNOTATIONS = [
  NETWORK_STATUS_ANNOTATION,
  NETWORK_INFO_ANNOTATION,
  ...Object.values(PRIMARY_MAC_ANNOTATIONS),
];

const IS_POD = "request.resource.group == ''";

/** Returns everything in an object that can name an address. */
export function addressTextOf(object: 'object' | 'oldObject'): string {
  const pod = joined(valuesOf(object, [...WEBHOOK_ANNOTATIONS, ...OTHER_ANNOTATIONS]), providerValuesOf(object));
  return `(${IS_POD} ? ${pod} : ${machineAddressesOf(object)})`;
}

/** Returns the part of that text which the webhook reads or writes: all of a machine, and some annotations of a pod. */
export function webhookTextOf(object: 'object' | 'oldObject'): string {
  return `(${IS_POD} ? ${joined(valuesOf(object, WEBHOOK_ANNOTATIONS))} : ${machineAddressesOf(object)})`;
}

/** Returns the rest of the text. */
export function otherTextOf(object: 'object' | 'oldObject'): string {
  return `(${IS_POD} ? ${joined(valuesOf(object, OTHER_ANNOTATIONS), providerValuesOf(object))} : '')`;
}

function joined(...lists: readonly string[]): string {
  return `(${lists.join(' + ')}).join(' ').trim()`;
}

function valuesOf(object: 'object' | 'oldObject', keys: readonly string[]): string {
  return `${JSON.stringify(keys)}.map(key, ${object}.metadata.?annotations[?key].orValue(''))`;
}

/** The addresses on the networks of Kube-OVN, whose names are in the keys. */
function providerValuesOf(object: 'object' | 'oldObject'): string {
  const annotations = `${object}.metadata.?annotations.orValue({})`;
  return `${annotations}.filter(key, key.endsWith('.${KUBE_OVN_MAC_ANNOTATION}')).map(key, ${object}.metadata.annotations[key])`;
}

/** `dyn` hides the type of a pod from the type checker of the API server: a pod has none of these fields. */
function machineAddressesOf(object: 'object' | 'oldObject'): string {
  const spec = `dyn(${object}).?spec`;
  const templates = [`${spec}.?virtualMachineTemplate.?spec.?template.?spec`, `${spec}.?template.?spec`, spec];
  const [first = '', ...others] = templates.map((template) => `${template}.?domain.?devices.?interfaces`);
  const interfaces = others.reduce((found, next) => `${found}.or(${next})`, first);
  return `${interfaces}.orValue([]).map(each, each.?macAddress.orValue('')).join(' ').trim()`;
}

/**
 * Returns the text in lower case without the separators of addresses. Multus decodes an annotation as JSON, so an escaped
 * letter, digit or separator counts as the character. `namesAPrefix` must find every address that is found in this text.
 */
export function withoutSeparators(text: string): string {
  const escapes: readonly (readonly [string, string])[] = [
    [String.raw`\u003a`, ''],
    [String.raw`\u002d`, ''],
    [String.raw`\u002e`, ''],
    // What is left of `\u0035` is the digit 5.
    [String.raw`\u003`, ''],
    ...['a', 'b', 'c', 'd', 'e', 'f'].flatMap((letter, index) =>
      ['4', '6'].map((row) => [String.raw`\u00${row}${String(index + 1)}`, letter] as const),
    ),
  ];
  const lower = `${text}.lowerAscii()`;
  const decoded = escapes.reduce((result, [from, to]) => `${result}.replace(r'${from}', '${to}')`, lower);
  const plain = `(${lower}.contains(r'\\u00') ? ${decoded} : ${lower})`;
  return [':', '-', '.'].reduce((result, separator) => `${result}.replace('${separator}', '')`, plain);
}
