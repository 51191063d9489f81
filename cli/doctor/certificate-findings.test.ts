import { beforeAll, describe, expect, test } from 'vitest';
import { type KeyPair, makeCa, makeServingCertificate } from '../../kube/server/certificates.ts';
import { certificateFindings, type ServedCertificate } from './certificate-findings.ts';

const NOW = new Date('2026-06-01T00:00:00Z');
const DAY = 86_400_000;
const dnsName = 'rock-mac-webhook.net.svc';

let ca: KeyPair;
let other: KeyPair;
let leaf: KeyPair;

beforeAll(async () => {
  ca = await makeCa(NOW.getTime(), 365 * DAY);
  other = await makeCa(NOW.getTime(), 365 * DAY);
  leaf = await makeServingCertificate(ca, [dnsName], NOW.getTime(), 30 * DAY);
});

function examine(change: Partial<ServedCertificate> = {}, now = NOW) {
  const bundles = [ca.certificate, ca.certificate];
  const served = { who: 'webhook', dnsName, bundles, serving: leaf.certificate, ...change };
  return certificateFindings(served, now).map(({ level, message }) => `${level} ${message}`);
}

describe('a serving certificate', () => {
  test('that the API server trusts is ok, with its name and its end', () => {
    expect(examine()).toEqual([
      expect.stringMatching(/^ok the webhook serves rock-mac-webhook\.net\.svc .* 2026-07-01 .*trusts it$/),
    ]);
  });

  test('is trusted by a bundle that also has the CA before', () => {
    const bundle = `${other.certificate}\n${ca.certificate}`;
    expect(examine({ bundles: [bundle] })[0]).toMatch(/^ok/);
  });

  test('that one of the bundles does not trust is an error', () => {
    expect(examine({ bundles: [ca.certificate, other.certificate] })).toEqual([
      'error the API server does not trust the certificate of the webhook',
    ]);
  });

  test('for another name is an error', () => {
    expect(examine({ dnsName: 'rock-mac-webhook.other.svc' })[0]).toMatch(/^error .* is not for rock-mac-webhook/);
  });

  test('that ends within a week is an error, and so is a CA', () => {
    expect(examine({}, new Date(NOW.getTime() + 24 * DAY))[0]).toMatch(/^error .* was not renewed in time$/);
    expect(examine({}, new Date(NOW.getTime() + 360 * DAY))[0]).toMatch(/^error the API server trusts the CA .* only/);
  });

  test.each([[[]], [['']], [['x', '']]])('without a published CA is an error: %j', (bundles) => {
    expect(examine({ bundles })).toEqual(['error the webhook has not published its CA']);
  });

  test('that cannot be read is a warning, and one that is no certificate is an error', () => {
    expect(examine({ serving: undefined })).toEqual([
      expect.stringMatching(/^ok the API server trusts the CA/),
      'warning that of the webhook was not examined',
    ]);
    const rubbish = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
    expect(examine({ serving: rubbish })).toEqual(['error the webhook has no certificate']);
  });
});
