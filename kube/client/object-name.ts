/** A name of most kinds is a DNS subdomain: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const OBJECT_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/**
 * Returns whether an object or a namespace can have this name. A text that a user wrote is checked before it becomes a part of an
 * API path, because `resourcePath` throws for some that cannot.
 */
export function isObjectName(text: string): boolean {
  return OBJECT_NAME.test(text);
}
