/** Formats a metav1.Time: whole seconds, because the server drops a fraction, which would then look like a change. */
export function toTime(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

/**
 * Formats a metav1.MicroTime: exactly six fractional digits. The server refuses the three digits of a Date:
 * https://github.com/kubernetes-client/javascript/issues/828
 */
export function toMicroTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}
