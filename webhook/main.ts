import { pino } from 'pino';
import { readEnvironment } from '../api/environment.ts';
import { runProcess } from '../process/run-process.ts';
import { webhookEnvironment } from './config.ts';
import { runWebhook } from './run.ts';

try {
  const config = readEnvironment(webhookEnvironment, process.env);
  const logger = pino({ base: { component: 'rock-mac-webhook' }, level: config.ROCK_MAC_LOG_LEVEL });
  await runProcess(() => runWebhook(config, logger), logger);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
