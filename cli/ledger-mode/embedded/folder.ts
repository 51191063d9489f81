import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { userHome } from '../user-home.ts';

/** Where the embedded ledger and what belongs to it lie. */
export interface EmbeddedFolder {
  /** All of the below, but the socket where its path would be too long. */
  readonly root: string;
  /** Postgres' data directory. */
  readonly data: string;
  /** The folder of its socket. */
  readonly run: string;
  /** What Postgres says. */
  readonly log: string;
  /** A copy of Postgres' programs, so that an upgrade of the package takes nothing away from one that runs. */
  readonly programs: string;
  /** Written last by `rock-mac init`: without it there is no ledger here. */
  readonly marker: string;
}

/** The name of the socket; nothing listens on a port. */
export const SOCKET_PORT = 5432;
export const DATABASE_USER = 'rock_mac';

/** A socket's path holds 107 octets on Linux, 103 on macOS. */
const LONGEST_SOCKET_PATH = 100;

/** Under this name in the user's home; a link to elsewhere where Postgres' user may not enter that. */
export function embeddedLink(home = userHome()): string {
  return path.join(home, '.rock', 'ledger');
}

export function embeddedFolder(root: string): EmbeddedFolder {
  const inside = path.join(root, 'run');
  const socket = path.join(inside, `.s.PGSQL.${String(SOCKET_PORT)}`);
  const short = createHash('sha256').update(root).digest('hex').slice(0, 12);
  return {
    root,
    data: path.join(root, 'data'),
    run: Buffer.byteLength(socket) <= LONGEST_SOCKET_PATH ? inside : path.join(tmpdir(), `rock-mac-${short}`),
    log: path.join(root, 'postgres.log'),
    programs: path.join(root, 'postgres'),
    marker: path.join(root, 'ledger.json'),
  };
}

export function embeddedUrl({ run }: Pick<EmbeddedFolder, 'run'>, user = DATABASE_USER): string {
  const url = new URL(`postgresql://${user}@localhost/postgres`);
  url.searchParams.set('host', run);
  url.searchParams.set('port', String(SOCKET_PORT));
  return url.href;
}

const markerSchema = z.object({
  version: z.literal(1),
  /** The one pool, where this ledger is the authority for a slice of a range only. */
  slice: z.object({ pool: z.string(), first: z.string(), last: z.string() }).optional(),
});

export type Marker = z.infer<typeof markerSchema>;

/** The embedded ledger of this user, where `rock-mac init` has finished one. */
export async function findEmbedded(
  home = userHome(),
): Promise<{ readonly folder: EmbeddedFolder; readonly marker: Marker } | undefined> {
  try {
    const folder = embeddedFolder(await realpath(embeddedLink(home)));
    return { folder, marker: markerSchema.parse(JSON.parse(await readFile(folder.marker, 'utf8'))) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
