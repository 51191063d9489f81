import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isVisible } from '../../api/visible-text.ts';
import { canonicalMetadata, isIpv4 } from '../../api/well-known-metadata.ts';
import { type ExportFormat, renderReservations } from '../../ledger/reservations/formats.ts';
import { type HeldAddress, type Reservation, reservationsOf } from '../../ledger/reservations/reservation.ts';
import { numberToMac } from '../../mac/mac-address.ts';
import { decideEntries, type ImportEntry } from './entries.ts';
import { FORMAT_READERS, type ImportFormat } from './formats.ts';

/* What `export` writes, `import` reads again, as far as the format has words for it. */

type Both = ExportFormat & ImportFormat;

/** What a format keeps of a reservation; `undefined`: it has no words for it. */
type Kept = { readonly ip: readonly string[]; readonly hostname?: string | undefined } | undefined;

const MISREAD_BY_DNSMASQ = /^(?:infinite|ignore|\d+[wdhms])$/;
const KEPT: Readonly<Record<Both, (reservation: Reservation) => Kept>> = {
  csv: ({ ips, hostname }) => ({ ip: ips, hostname }),
  kea: ({ ips, hostname }) => ({ ip: ips.filter(isIpv4).slice(0, 1), hostname }),
  ethers: ({ ips, hostname }) => ({ ip: hostname === undefined ? ips.filter(isIpv4).slice(0, 1) : [], hostname }),
  dnsmasq: ({ ips, hostname }) => ({
    ip: [...ips.filter(isIpv4).slice(0, 1), ...ips.filter((ip) => !isIpv4(ip))],
    hostname: MISREAD_BY_DNSMASQ.test(hostname ?? '') ? undefined : hostname,
  }),
  libvirt: ({ ips, hostname }) => {
    const ip = ips.filter(isIpv4).slice(0, 1);
    return ip.length === 0
      ? undefined
      : { ip, hostname: MISREAD_BY_DNSMASQ.test(hostname ?? '') ? undefined : hostname };
  },
};

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
const hostname = fc
  .oneof(
    fc.constantFrom('ignore', 'infinite', 'deprecated', '12h', 'aa-bb-cc-dd-ee-ff', 'id', 'a4580f010000x', '1.2.3.x'),
    fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.')),
  )
  .filter((name) => canonicalMetadata({ hostname: name }).ok);
/** Without those of `::/64`, which no network has: dnsmasq adds its own network to them. */
const ip = fc.oneof(fc.ipV4(), fc.ipV6()).filter((each) => {
  const canonical = canonicalMetadata({ ip: each });
  return canonical.ok && !String(canonical.metadata['ip']).startsWith('::');
});
/** Names of devices are free, so they have what a table or a spreadsheet gives a meaning. */
const name = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    fc
      .array(fc.constantFrom('=', '#', '"', ',', ';', ' ', "'", '\\', 'ä', '🦄', '{'), { minLength: 1, maxLength: 10 })
      .map((parts) => parts.join('')),
    fc.constant('long'.repeat(100)),
  )
  .filter((text) => isVisible(text) && text === text.trim() && text !== '');

const held = fc
  .array(
    fc.record({
      id: name,
      type: name,
      ips: fc.array(ip, { maxLength: 4 }),
      hostname: fc.option(hostname, { nil: undefined }),
      state: fc.constantFrom('active', 'reserved'),
    }),
    { maxLength: 8 },
  )
  .map((all) =>
    all.map(({ id, type, ips, hostname, state }, index): HeldAddress => {
      const given = { ...(ips.length > 0 && { ip: ips }), ...(hostname !== undefined && { hostname }) };
      const canonical = canonicalMetadata(given);
      const metadata = canonical.ok ? canonical.metadata : {};
      return { mac: numberToMac(0xa4580f010000 + index), pool: 'development', state, device: { id, type }, metadata };
    }),
  );

describe.each(Object.keys(KEPT) as Both[])('%s', (format) => {
  test('keeps all that it has words for', async () => {
    const parse = await FORMAT_READERS[format].load();
    fc.assert(
      fc.property(held, (addresses) => {
        const { reservations } = reservationsOf(addresses);
        const parsed = parse(renderReservations(format, reservations).text, 'exported');
        const wanted = reservations.flatMap((reservation): Partial<ImportEntry>[] => {
          const { mac, device, pool, state } = reservation;
          const kept = KEPT[format](reservation);
          if (kept === undefined || (kept.ip.length === 0 && kept.hostname === undefined)) return [];
          const metadata = {
            ...(kept.ip.length > 0 && { ip: kept.ip.join(',') }),
            ...(kept.hostname !== undefined && { hostname: kept.hostname }),
          };
          if (format !== 'csv') return [{ mac, deviceId: kept.hostname ?? mac, metadata }];
          const isReserved = state === 'reserved' ? true : undefined;
          return [{ mac, deviceId: device?.id ?? mac, deviceType: device?.type, pool, reserved: isReserved, metadata }];
        });
        if (!parsed.ok) {
          expect({ parsed, wanted }).toEqual({
            parsed: expect.objectContaining({ isOther: true }) as unknown,
            wanted: [],
          });
          return;
        }
        const { entries, conflicts } = decideEntries(
          parsed.found.map((each) => ({ ...each, file: 'exported' })),
          {},
        );
        expect({ conflicts, notes: parsed.notes }).toEqual({ conflicts: [], notes: [] });
        expect(entries).toHaveLength(wanted.length);
        expect(entries).toMatchObject(wanted);
        for (const [index, entry] of entries.entries()) expect(entry.metadata).toEqual(wanted[index]?.metadata);
      }),
    );
  });
});
