import { test } from 'vitest';
import { installedEnvOfThisFile } from '../integration/installed-env.ts';
import { attackEveryPort } from '../integration/odd-requests.ts';

const installed = installedEnvOfThisFile();

test('10,000 odd requests to every port of every program end no process', async () => {
  await attackEveryPort(installed().installation, 10_000);
}, 600_000);
