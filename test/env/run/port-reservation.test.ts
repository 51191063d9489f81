import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { reserveFixedPort, reservePort, reserveServiceRange } from './port-reservation.ts';

describe('a reservation', () => {
  it('never returns the same port twice, even if nothing listens on it', async () => {
    const claims = await Promise.all(Array.from({ length: 50 }, () => reservePort()));
    expect(new Set(claims.map((claim) => claim.value)).size).toBe(50);
    await Promise.all(claims.map((claim) => claim.release()));
  });

  it('lets the holder listen on its port', async () => {
    const claim = await reservePort();
    const server = createServer().listen(claim.value, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve, reject) => server.once('listening', resolve).once('error', reject));
    await claim.release();
  });

  it('rejects a fixed port that is in use, and reserves it once it is free', async () => {
    const holder = await reservePort();
    await expect(reserveFixedPort(holder.value, 'Postgres')).rejects.toThrow(
      `Port ${holder.value} of 127.0.0.1, fixed for Postgres, is in use`,
    );
    await holder.release();
    const claim = await reserveFixedPort(holder.value, 'Postgres');
    await claim.release();
  });

  it('gives each control plane its own Service range', async () => {
    const claims = await Promise.all([reserveServiceRange(), reserveServiceRange(), reserveServiceRange()]);
    const ranges = claims.map((claim) => claim.value);
    expect(new Set(ranges).size).toBe(3);
    for (const range of ranges) expect(range).toMatch(/^127\.(6[4-9]|[789]\d|1[01]\d|12[0-7])\.0\.0\/16$/);
    await Promise.all(claims.map((claim) => claim.release()));
  });
});
