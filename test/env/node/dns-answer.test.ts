import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { dnsAnswer } from './dns-answer.ts';

async function startServer(names: Record<string, string>): Promise<Resolver> {
  const server = createSocket('udp4', (query, from) => {
    server.send(
      dnsAnswer(query, (name) => names[name]),
      from.port,
      from.address,
    );
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${server.address().port}`]);
  return resolver;
}

it('a resolver understands the answers for a known name, for its other types, and for an unknown name', async () => {
  const resolver = await startServer({ 'postgres.rock-mac.svc.cluster.local': '10.96.3.200' });
  expect(await resolver.resolve4('Postgres.rock-mac.svc.cluster.local')).toEqual(['10.96.3.200']);
  await expect(resolver.resolve6('postgres.rock-mac.svc.cluster.local')).rejects.toThrow('ENODATA');
  await expect(resolver.resolve4('other.rock-mac.svc.cluster.local')).rejects.toThrow('ENOTFOUND');
});
