/**
 * metav1.MicroTime: exactly six digits of a second. The server refuses the three that a Date has:
 * https://github.com/kubernetes-client/javascript/issues/828
 */
export function toMicroTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}
