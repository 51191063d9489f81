import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** A row of the predecessor's table, with defaults for what a test does not need. */
export interface PredecessorRow {
  readonly mac: string;
  readonly pool?: string;
  readonly device?: string;
  readonly status?: string;
  readonly allocatedAt?: string;
}

/** Writes a SQLite file as the predecessor did, with its tables. */
export async function writePredecessorFile(file: string, rows: readonly PredecessorRow[]): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const database = new DatabaseSync(file);
  database.exec(`create table mac_allocations (id integer primary key, mac_address text, pool text, device_id text,
    device_type text, metadata json, allocated_at timestamp, released_at timestamp, last_seen timestamp, status text)`);
  const insert = database.prepare(
    `insert into mac_allocations (mac_address, pool, device_id, device_type, metadata, allocated_at, status)
     values (?, ?, ?, 'qemu-vm', '{}', ?, ?)`,
  );
  database.exec('begin');
  for (const { mac, pool = 'development', device = '', status = 'active', allocatedAt } of rows) {
    insert.run(mac, pool, device, allocatedAt ?? '2024-03-01 10:00:00', status);
  }
  database.exec('commit');
  database.close();
}
