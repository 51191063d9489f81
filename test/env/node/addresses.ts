/*
 * The addresses of a test environment with nodes. They exist only in its network namespace, so every environment has the same.
 */

/** The ClusterIPs. All are local in the nodes' namespace, and none is on the machine. */
export const SERVICE_RANGE = '10.96.0.0/16';

/** The ClusterIP of the Service `kubernetes`, the first of the range. */
export const API_SERVICE_ADDRESS = '10.96.0.1';

export const DNS_ADDRESS = '10.96.0.10';

/** Stands for the machine's loopback: where pods reach Postgres. */
export const MACHINE_ADDRESS = '10.98.0.254';

/** The InternalIP of a node, which counts from 1. */
export function nodeAddress(number: number): string {
  return `10.98.0.${number}`;
}

/** The addresses that a node gives to its pods on the default network. All nodes share one bridge. */
export function podRange(number: number): {
  readonly subnet: string;
  readonly rangeStart: string;
  readonly rangeEnd: string;
} {
  return { subnet: '10.97.0.0/16', rangeStart: `10.97.${number}.2`, rangeEnd: `10.97.${number}.254` };
}
