import { Gauge, type Registry } from '@prometheus-io/client';
import { type KeyPair, readCertificate } from './certificates.ts';

/** Registers the expiry metric. The returned function must be called with each certificate that is served. */
export function measureCertificate(registry: Registry): (servingPair: Pick<KeyPair, 'certificate'>) => void {
  const expiry = new Gauge({
    name: 'rockmac_certificate_expiry_timestamp_seconds',
    help: 'When the serving certificate expires, in seconds since 1970. It is renewed when a third of its lifetime is left.',
    registers: [registry],
  });
  return ({ certificate }) => {
    expiry.set((readCertificate(certificate)?.notAfter ?? 0) / 1_000);
  };
}
