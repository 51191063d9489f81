import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { parseJson } from '../../../api/parse-json.ts';
import { UserError } from '../../errors.ts';
import { userHome } from '../user-home.ts';

/** The paths of the embedded ledger. */
export interface EmbeddedFolder {
  /** Contains all other paths, except the socket if its path would be too long. */
  readonly root: string;
  /** The data directory of Postgres. */
  readonly data: string;
  /** The directory of the socket. */
  readonly run: string;
  /** The log of Postgres. */
  readonly log: string;
  /** A copy of the Postgres programs, so that a package upgrade does not remove those of a running server. */
  readonly programs: string;
  /** Written last by `rock-mac init`. Without it, there is no ledger. */
  readonly marker: string;
}

/** Part of the socket's name. Nothing listens on a TCP port. */
export const SOCKET_PORT = 5432;
export const DATABASE_USER = 'rock_mac';

/** Keeps below the limits for socket paths: 107 octets on Linux, 103 on macOS. */
const MAX_SOCKET_PATH = 100;

/** Returns the path in the user's home. It is a link if the user that runs Postgres cannot enter the home. */
export function embeddedLink(home = userHome()): string {
  return path.join(home, '.rock', 'ledger');
}

/** Returns the paths below a root. */
export function embeddedFolder(root: string): EmbeddedFolder {
  const inside = path.join(root, 'run');
  const socket = path.join(inside, `.s.PGSQL.${String(SOCKET_PORT)}`);
  const short = createHash('sha256').update(root).digest('hex').slice(0, 12);
  return {
    root,
    data: path.join(root, 'data'),
    run: Buffer.byteLength(socket) <= MAX_SOCKET_PATH ? inside : path.join(tmpdir(), `rock-mac-${short}`),
    log: path.join(root, 'postgres.log'),
    programs: path.join(root, 'postgres'),
    marker: path.join(root, 'ledger.json'),
  };
}

/** Returns the connection URL of the socket. */
export function embeddedUrl({ run }: Pick<EmbeddedFolder, 'run'>, user = DATABASE_USER): string {
  const url = new URL(`postgresql://${user}@localhost/postgres`);
  url.searchParams.set('host', run);
  url.searchParams.set('port', String(SOCKET_PORT));
  return url.href;
}

const markerSchema = z.object({
  version: z.literal(1),
  /** Set if the ledger manages only a part of one pool. */
  slice: z.object({ pool: z.string(), first: z.string(), last: z.string() }).optional(),
});

export type Marker = z.infer<typeof markerSchema>;

/** Returns the folder of this user, also if its ledger is not complete. */
export async function findFolder(home = userHome()): Promise<EmbeddedFolder | undefined> {
  const root = await realpath(embeddedLink(home)).catch(() => undefined);
  return root === undefined ? undefined : embeddedFolder(root);
}

/** Returns the embedded ledger of this user, or `undefined` if `rock-mac init` has not completed. */
export async function findEmbedded(
  home = userHome(),
): Promise<{ readonly folder: EmbeddedFolder; readonly marker: Marker } | undefined> {
  const folder = await findFolder(home);
  if (folder === undefined) return undefined;
  const text = await readFile(folder.marker, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const { data: marker } = markerSchema.safeParse(parseJson(text));
  if (marker === undefined) throw damagedMarker(folder.marker);
  return { folder, marker };
}

function damagedMarker(file: string): UserError {
  return new UserError(
    `${file} does not describe an embedded ledger of this version of rock-mac.`,
    'Use the version that made it, or restore the file from a copy of the folder.',
  );
}
