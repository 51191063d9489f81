import { expect, onTestFinished, test } from 'vitest';
import { startClient, startEcho } from '../doubles/echo-server.ts';
import { randomFrom } from '../doubles/seeded-random.ts';
import { connect } from '../env/network/sockets.ts';
import { eventually } from '../env/run/eventually.ts';
import { nextWeather, startBadNetwork, type Weather } from './bad-network.ts';

const random = randomFrom(1);
const weathers: Weather[] = Array.from({ length: 1_000 }, () => nextWeather(random));

test('the weather has jitter, stalls and resets, and no stall is as long as the time limit of an admission', () => {
  expect(new Set(weathers.map(({ latencyMs }) => latencyMs)).size).toBeGreaterThan(10);
  const stalls = weathers.filter((weather) => weather.stalls);
  expect(stalls.length).toBeGreaterThan(10);
  expect(Math.max(...stalls.map(({ forMs }) => forMs))).toBeLessThan(2_000);
  expect(weathers.filter((weather) => weather.resets).length).toBeGreaterThan(10);
});

test('a network that is cut off refuses everybody, and later leads to where the target is by then', async () => {
  const first = await startEcho('first: ');
  const second = await startEcho('second: ');
  const target = { host: first.host, port: first.port };
  const network = await startBadNetwork(target, randomFrom(1));
  onTestFinished(() => network.close());
  network.worsen();
  const hears = async (want: string) => {
    const client = await startClient(network);
    client.say('x');
    await eventually(
      () => {
        expect(client.heard).toBe(want);
      },
      { within: 4_000 },
    );
  };
  await eventually(() => hears('first: x'));

  await network.cutOff();
  await expect(connect(network)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  target.port = second.port;
  await network.calm();
  await hears('second: x');
});
