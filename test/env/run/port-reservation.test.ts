import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { claimFixedPort, reservePort, claimServiceRange } from './port-reservation.ts';

describe('a claim', () => {
  it('never gives one port twice, though nothing listens on it', async () => {
    const claims = await Promise.all(Array.from({ length: 50 }, () => reservePort()));
    expect(new Set(claims.map((claim) => claim.value)).size).toBe(50);
    await Promise.all(claims.map((claim) => claim.release()));
  });

  it('lets its holder listen on the port', async () => {
    const claim = await reservePort();
    const server = createServer().listen(claim.value, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve, reject) => server.once('listening', resolve).once('error', reject));
    await claim.release();
  });

  it('refuses a fixed port that is taken, and takes it when it is free again', async () => {
    const holder = await reservePort();
    await expect(claimFixedPort(holder.value, 'Postgres')).rejects.toThrow(
      `Port ${holder.value} of 127.0.0.1, fixed for Postgres, is taken`,
    );
    await holder.release();
    const claim = await claimFixedPort(holder.value, 'Postgres');
    await claim.release();
  });

  it('gives each control plane a Service range of its own', async () => {
    const claims = await Promise.all([claimServiceRange(), claimServiceRange(), claimServiceRange()]);
    const ranges = claims.map((claim) => claim.value);
    expect(new Set(ranges).size).toBe(3);
    for (const range of ranges) expect(range).toMatch(/^127\.(6[4-9]|[789]\d|1[01]\d|12[0-7])\.0\.0\/16$/);
    await Promise.all(claims.map((claim) => claim.release()));
  });
});
