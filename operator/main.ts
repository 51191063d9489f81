import { pino } from 'pino';
import { readEnvironment } from '../api/environment.ts';
import { runProcess } from '../process/run-process.ts';
import { operatorEnvironment } from './config.ts';
import { runOperator } from './run.ts';

try {
  const config = readEnvironment(operatorEnvironment, process.env);
  const logger = pino({ base: { component: 'rock-mac-operator' }, level: config.ROCK_MAC_LOG_LEVEL });
  await runProcess(() => runOperator(config, logger), logger);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
