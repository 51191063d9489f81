import type { Command } from 'commander';
import { canonicalMetadata, type Metadata } from '../../api/well-known-metadata.ts';
import { UserError } from '../errors.ts';
import { parseMetadata } from './parse-values.ts';

export interface MetadataOptions {
  readonly metadata: string;
  readonly ip?: string;
  readonly hostname?: string;
}

/** Adds flags for the keys of metadata that `export` writes. `--metadata` itself has another letter in each command. */
export function addMetadataFlags(command: Command): void {
  command
    .option(
      '--ip <addresses>',
      'IP addresses of the device, separated by commas, for `export`; the same as metadata "ip"',
    )
    .option('--hostname <name>', 'host name of the device, for `export`; the same as metadata "hostname"');
}

/** Returns the metadata of all three flags. */
export function metadataOf({ metadata: text, ip, hostname }: MetadataOptions): Metadata {
  const metadata = parseMetadata(text);
  const flags = { ...(ip !== undefined && { ip }), ...(hostname !== undefined && { hostname }) };
  const twice = Object.keys(flags).find((key) => Object.hasOwn(metadata, key));
  if (twice !== undefined) {
    throw new UserError(
      `Both --${twice} and --metadata have ${JSON.stringify(twice)}.`,
      'Leave out one of them.',
      'usage',
    );
  }
  return requireCanonical({ ...metadata, ...flags });
}

/** Returns metadata in its only notation. */
export function requireCanonical(metadata: Metadata): Metadata {
  const canonical = canonicalMetadata(metadata);
  if (canonical.ok) return canonical.metadata;
  throw new UserError(canonical.problem.cause, canonical.problem.next);
}
