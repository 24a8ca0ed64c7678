import { resolve } from 'node:path';
import { Logger } from '@nestjs/common';
import {
  databaseTarget,
  kafkaSettings,
  listenForOperations,
  NestLog,
  openShared,
  readConfig,
  relayToKafka,
  type LedgerConfig,
} from '@ledger/runtime';
import { ConfigurationFault, createLog, standardOutput } from '@ledger/process';
import { WorkerOperations } from './worker-operations.js';

/** How long the batch in flight and the goodbye to Kafka may take. */
const STOP_MS_MAX = 25_000;

/** Runs the relay as a process of its own, until it is asked to stop. @throws When it cannot start. */
export async function work(environment: NodeJS.ProcessEnv): Promise<void> {
  const config = readConfig(environment);
  const kafka = kafkaSettings(config);
  if (!kafka) throw new ConfigurationFault('KAFKA_BROKERS must say where messages are to be sent');
  checkStore(config);
  const log = createLog({ level: config.LOG_LEVEL, lines: standardOutput() });
  const logger = new NestLog(log);
  Logger.overrideLogger(logger);
  for (const origin of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(origin, (error: unknown) => {
      log.fatal({ event: 'process.crashed', origin, err: error }, 'a bug was hit: ending');
      process.exit(1);
    });
  }
  // Until there is anything to finish, a signal simply ends the process: the checkpoint is in Kafka.
  let stop = (): void => process.exit(0);
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => stop());

  const ledger = await openShared({
    ...{ database: databaseTarget(config), directory: resolve(config.LEDGER_DATA_DIR) },
    ...{ windowLength: config.QUOTA_WINDOW, retryWindowMs: config.LEDGER_RETRY_WINDOW_MS },
    keyFile: config.LEDGER_MASTER_KEY_FILE,
    stalenessMaxMs: config.LEDGER_STALENESS_MAX_MS,
    startTimeoutMs: config.LEDGER_START_TIMEOUT_MS,
    begins: config.NODE_ENV !== 'production',
    onWaiting: (reason) => logger.warn(`waiting for EventStoreDB: ${reason}`, 'Worker'),
  });
  const relay = relayToKafka(ledger, kafka);
  const port = config.METRICS_PORT || config.PORT;
  const routes = new WorkerOperations(relay);
  const operations = await listenForOperations(routes, { host: config.HOST, port });
  stop = () => {
    stop = () => process.exit(1);
    setTimeout(() => process.exit(1), STOP_MS_MAX).unref();
    void finish();
  };
  const finish = async (): Promise<void> => {
    try {
      await relay.close();
      await ledger.close();
      await operations.close();
      process.exit(0);
    } catch (error) {
      log.error({ event: 'service.stop-failed', err: error }, 'stopping failed');
      process.exit(1);
    }
  };
  relay.start();
  process.stdout.write(`ledger-worker listens on ${operations.listeningOrigin}\n`);
}

/** @throws ConfigurationFault For a store that this process cannot share with the one that writes it. */
function checkStore({ LEDGER_STORE: store }: LedgerConfig): void {
  if (store === 'eventstoredb') return;
  throw new ConfigurationFault(
    `a worker needs LEDGER_STORE=eventstoredb, and it is ${store}: one process owns that log, and sends its ` +
      'messages itself once KAFKA_BROKERS is set there (decision 16)',
  );
}
