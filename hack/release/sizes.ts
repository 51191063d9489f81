/** How far a size on the page may be from the measured one. */
const TOLERANCE = 0.05;

/** Returns the sizes in megabytes that a table of a page names, by the name of the file without its version. */
export function sizesOn(page: string): ReadonlyMap<string, number> {
  const rows = page.matchAll(/^\| `([^`]+)` *\|.*\| *(\d+) MB *\|$/gm);
  return new Map([...rows].map(([, name = '', size]) => [name.replace('_VERSION', ''), Number(size)]));
}

/** Returns where a page is wrong about the size of a file: more than 5 % off, or without it. */
export function wrongSizes(page: string, version: string, octets: ReadonlyMap<string, number>): readonly string[] {
  const said = sizesOn(page);
  return [...octets].flatMap(([file, size]) => {
    const megabytes = size / 1e6;
    const named = said.get(file.replace(`_${version}`, ''));
    if (named === undefined) return [`${file} is not in its table: it has ${megabytes.toFixed(0)} MB`];
    // A size is rounded to a megabyte.
    const allowed = Math.max(megabytes * TOLERANCE, 1);
    return Math.abs(named - megabytes) <= allowed
      ? []
      : [`${file} has ${megabytes.toFixed(0)} MB, and its table says ${named} MB`];
  });
}
