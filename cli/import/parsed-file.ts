import { canonicalMetadata } from '../../api/well-known-metadata.ts';

/**
 * An address that a file names, with what it says about it. All of it is text from outside: `decideEntries` (entries.ts) validates it,
 * so that one bad line is reported with its place and does not hide the others.
 */
export interface FoundAddress {
  /** The line where it is, if the parser knows it. */
  readonly line?: number | undefined;
  readonly mac: string;
  /** Absent: the file names no device, and the address itself becomes the id. */
  readonly device?: string | undefined;
  /** The type that the file itself names. */
  readonly type?: string | undefined;
  /** What every device of such a file is. `--type` replaces it. */
  readonly defaultType: string;
  readonly pool?: string | undefined;
  /** The file says that the address is held until somebody releases it. */
  readonly reserved?: boolean | undefined;
  /** `ip` and `hostname` have their usual meaning (api/well-known-metadata.ts). An `ip` may have the length of its network. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Something in a file that is no address to import, and that its user should know about. */
export interface FileNote {
  readonly line?: number | undefined;
  readonly text: string;
}

/** What a parser made of a text. */
export type ParsedFile =
  | { readonly ok: true; readonly found: readonly FoundAddress[]; readonly notes: readonly FileNote[] }
  /** `isOther`: it has nothing of the format. A folder of configurations has such files; alone it is the wrong file. */
  | { readonly ok: false; readonly unreadable: FileNote; readonly isOther: boolean };

/** Parses the text of a file. `name` is its name without its folder. Pure, and never throws, whatever the text is. */
export type ParseFile = (text: string, name: string) => ParsedFile;

export function unreadable(text: string, line?: number): ParsedFile {
  return { ok: false, unreadable: { line, text }, isOther: false };
}

export function otherFile(text: string): ParsedFile {
  return { ok: false, unreadable: { line: undefined, text }, isOther: true };
}

/** Returns metadata without values that are absent or empty. */
export function presentValues(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const present = Object.entries(values).filter(
    ([, value]) =>
      value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(present);
}

/**
 * Returns the name of a host if it may be one by RFC 1123. Programs accept others, such as `web_1`, which then only name the device. A dot
 * at the end says that nothing follows.
 */
export function hostnameOf(name: string | undefined): string | undefined {
  const hostname = name?.replace(/\.$/, '');
  return hostname !== undefined && canonicalMetadata({ hostname }).ok ? hostname : undefined;
}

/** Returns a function that returns the number of the line in which a position of the text is. */
export function lineFinder(text: string): (position: number) => number {
  const ends = [...text.matchAll(/\n/g)].map(({ index }) => index);
  return (position) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((ends[middle] ?? Infinity) < position) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  };
}
