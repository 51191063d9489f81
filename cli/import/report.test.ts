import { describe, expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { csvLines } from '../output/csv.ts';
import { type Conflict, conflictsCsv } from './conflicts.ts';
import type { Decided } from './plan.ts';
import { summaryLines } from './report.ts';

const entry = {
  ...{ place: { file: 'a.csv', line: 2 }, mac: mac('a4:58:0f:01:00:00'), deviceId: 'web', deviceType: undefined },
  ...{ defaultType: 'host', pool: undefined, metadata: {} },
};
const decided = (kind: Decided['kind'], pool = 'development'): Decided => ({ kind, entry, pool });
const conflict = (line: number, kind: Conflict['kind'] = 'outside'): Conflict => {
  return {
    place: { file: 'a.csv', line },
    kind,
    mac: '52:54:00:00:00:01',
    device: 'web',
    detail: 'no pool of the ledger has this address',
  };
};
const summary = {
  ...{ done: true, files: 1, decided: [], conflicts: [], reserved: false },
  periods: new Map([
    ['development', 604_800],
    ['production', null],
  ]),
};

describe('the report of an import', () => {
  test('counts by pool what was imported, and says how long it stays', () => {
    const all = [decided('imported'), decided('imported'), decided('imported', 'production'), decided('unchanged')];
    expect(summaryLines({ ...summary, decided: all })).toEqual([
      'Imported 3 addresses of 1 file',
      '  development: 2, released after 7d unless they are renewed; --reserved keeps them',
      '  production: 1',
      'Unchanged: 1',
    ]);
    expect(summaryLines({ ...summary, done: false, files: 2, reserved: true, decided: [decided('imported')] })).toEqual(
      ['Would import 1 address of 2 files', '  development: 1'],
    );
  });

  test('says what --update would change, and what it changed', () => {
    expect(summaryLines({ ...summary, decided: [decided('differs')] })).toContain(
      'Other metadata in the ledger: 1. Add --update to write that of the files.',
    );
    expect(summaryLines({ ...summary, decided: [decided('updated')] })).toContain('Updated the metadata of 1 address');
  });

  test('counts conflicts by kind with the next step, and shows the first of them', () => {
    const conflicts = [...Array.from({ length: 11 }, (_, index) => conflict(index + 2)), conflict(99, 'held')];
    const lines = summaryLines({ ...summary, conflicts });
    expect(lines.slice(1, 5)).toEqual([
      'Conflicts: 12',
      '  outside of every pool: 11. Add their prefix with `rock-mac prefix add` and their range with `rock-mac pool add`.',
      '  held by another owner: 1. See who with `rock-mac show`, then correct the file or release them.',
      'The first 10 are (--conflicts FILE writes all):',
    ]);
    expect(lines[5]).toBe('  a.csv:2: 52:54:00:00:00:01 (web): no pool of the ledger has this address');
    expect(lines).toHaveLength(15);
  });

  test('shows what a file has in a way that a terminal does not obey', () => {
    const hostile = { ...conflict(2), mac: '\u001b[2J', device: 'web\n\u202edb', detail: '\u0007' };
    const [shown = ''] = summaryLines({ ...summary, conflicts: [hostile] }).slice(-1);
    expect(shown).toBe(shown.replaceAll(/[\p{Cc}\p{Cf}]/gu, ''));
  });

  test('has a table of all conflicts', () => {
    expect(csvLines(conflictsCsv([conflict(2)]))).toEqual([
      'file,line,mac,device,conflict,detail',
      'a.csv,2,52:54:00:00:00:01,web,outside,no pool of the ledger has this address',
    ]);
  });
});
