/** The format and the processor of a program. */
export type Machine = 'elf-x64' | 'elf-arm64' | 'mach-o-x64' | 'mach-o-arm64';

/** `e_machine` in the header of ELF (System V ABI, chapter 4). */
const ELF_MACHINES: ReadonlyMap<number, Machine> = new Map([
  [62, 'elf-x64'],
  [183, 'elf-arm64'],
]);

/** `cputype` in the headers of Mach-O (mach/machine.h of macOS). */
const MACH_O_MACHINES: ReadonlyMap<number, Machine> = new Map([
  [0x0100_0007, 'mach-o-x64'],
  [0x0100_000c, 'mach-o-arm64'],
]);

const ELF = 0x7f45_4c46;
const MACH_O_64 = 0xfeed_facf;
/** A universal program, which contains one for each processor. Its header is big-endian. */
const UNIVERSAL = 0xcafe_babe;

/** How many octets of a file `machinesOf` reads. */
export const HEADER_OCTETS = 256;

/** Returns the machines that a program runs on, by the beginning of its file. Empty if it is no program of these formats. */
export function machinesOf(header: Buffer): readonly Machine[] {
  if (header.length < 32) return [];
  if (header.readUInt32BE(0) === ELF) return known(ELF_MACHINES, [header.readUInt16LE(18)]);
  if (header.readUInt32LE(0) === MACH_O_64) return known(MACH_O_MACHINES, [header.readUInt32LE(4)]);
  if (header.readUInt32BE(0) !== UNIVERSAL) return [];
  const entries = Array.from({ length: header.readUInt32BE(4) }, (_, index) => 8 + 20 * index);
  return known(
    MACH_O_MACHINES,
    entries.filter((at) => at + 4 <= header.length).map((at) => header.readUInt32BE(at)),
  );
}

function known(machines: ReadonlyMap<number, Machine>, numbers: readonly number[]): readonly Machine[] {
  return numbers.flatMap((number) => machines.get(number) ?? []);
}
