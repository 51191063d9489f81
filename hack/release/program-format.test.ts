import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { thisPlatform } from './platforms.ts';
import { HEADER_OCTETS, machinesOf } from './program-format.ts';

function header(...words: number[]): Buffer {
  const octets = Buffer.alloc(64);
  words.forEach((word, index) => octets.writeUInt32BE(word, 4 * index));
  return octets;
}

test('the program of this process is for this machine', () => {
  const octets = readFileSync(process.execPath).subarray(0, HEADER_OCTETS);
  expect(machinesOf(octets)).toEqual([thisPlatform().machine]);
});

test('a program of macOS is for the processor in its header', () => {
  expect(machinesOf(header(0xcffa_edfe, 0x0700_0001))).toEqual(['mach-o-x64']);
  expect(machinesOf(header(0xcffa_edfe, 0x0c00_0001))).toEqual(['mach-o-arm64']);
});

test('a universal program is for every processor in its header', () => {
  const octets = header(0xcafe_babe, 2, 0x0100_0007, 3, 0x4000, 0x1000, 14, 0x0100_000c);
  expect(machinesOf(octets)).toEqual(['mach-o-x64', 'mach-o-arm64']);
});

test('a script, a text and an ELF program of another processor are for none of them', () => {
  const elfForRiscV = header(0x7f45_4c46);
  elfForRiscV.writeUInt16LE(243, 18);
  for (const octets of [Buffer.from('#!/bin/sh\n'.repeat(8)), Buffer.alloc(0), elfForRiscV])
    expect(machinesOf(octets)).toEqual([]);
});
