import { z } from 'zod';
import { storableText } from '../column-schemas.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';
import { addrSchema } from './owner.ts';
import { requireValid } from './validate.ts';

/** The beginning of a MAC address: pairs of digits with colons; the last pair may be incomplete. */
const MAC_BEGINNING = /^(?:[0-9a-f]{2}:){0,5}[0-9a-f]{0,2}:?$/;
const DIGITS = 12;

const row = z.object({ macs: z.array(addrSchema), devices: z.array(z.string()) });

/** Returns held addresses and devices that begin with a text, at most `limit` of each, for shell completion. */
export async function suggestTargets(db: Queryable, beginning: string, limit: number): Promise<z.infer<typeof row>> {
  requireValid(storableText(512), beginning, 'The completion');
  const lower = beginning.toLowerCase();
  const digits = MAC_BEGINNING.test(lower) ? lower.replaceAll(':', '') : undefined;
  const addr = (fill: string) => (digits === undefined ? null : Number.parseInt(digits.padEnd(DIGITS, fill), 16));
  return queryOne(db, {
    text: `select to_jsonb(array(select a.addr from rock_mac.addresses a
                        where a.addr between $1 and $2 and a.state <> 'released' order by a.addr limit $4)) as macs,
             array(select distinct a.device_id from rock_mac.addresses a
                   where a.device_id ^@ $3 and a.state <> 'released' order by a.device_id limit $4) as devices`,
    values: [addr('0'), addr('f'), beginning, limit],
    row,
  });
}
