import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import type { Server } from 'node:http';
import { StoreDamaged, UnreadableEvent } from '@ledger/event-store';
import { EventNotApplied } from '@ledger/read-models';
import {
  kafkaSettings,
  listenForOperations,
  NestLog,
  readConfig,
  relayToKafka,
  type LedgerConfig,
} from '@ledger/runtime';
import { createApp } from '../app.js';
import { endOnCrash, endOnStoreFailure } from './crash-guard.js';
import { firstStart, greeting } from './greeting.js';
import { writeLine } from './log-lines.js';
import { openConfiguredLedger } from './open-ledger.js';
import { Operations } from './operations.js';
import { Shutdown } from './shutdown.js';

/** Runs the service until it is asked to stop, or cannot go on. @throws When it cannot start. */
export async function serve(environment: NodeJS.ProcessEnv): Promise<void> {
  const config = readConfig(environment);
  const operations = new Operations({
    level: config.LOG_LEVEL,
    withProcess: true,
    onMainPort: config.METRICS_PORT === 0,
  });
  const { log, state } = operations;
  Logger.overrideLogger(new NestLog(log));
  endOnCrash(log, process.exit);
  // Until there is anything to shut down, a signal simply ends the process: every state on disk is good.
  let stop = (_signal: string): void => process.exit(0);
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => stop(signal));

  const { HOST: host, METRICS_PORT: port, LEDGER_RELAY: relays } = config;
  const kafka = relays === 'on' ? kafkaSettings(config) : undefined;
  const listener = port === 0 ? undefined : await listenForOperations(operations, { host, port });
  const { ledger, personalToken } = await openConfiguredLedger(
    config,
    operations,
    endOnStoreFailure(log, process.exit),
  );
  state.opened(ledger);
  const relay = kafka && relayToKafka(ledger, kafka);
  if (relay) state.relaying(relay);
  try {
    const app = await createApp(ledger, operations, {
      upstreamUrl: config.UPSTREAM_URL,
      safeToCloseMs: config.LEDGER_SAFE_TO_CLOSE_MS,
      requestsMax: config.LEDGER_REQUESTS_MAX,
    });
    const server: Server = app.getHttpServer();
    stop = (signal) => shutdown.start(signal);
    const shutdown = new Shutdown({
      ...{ state, log, server, exit: process.exit },
      closeServer: () => app.close(),
      async closeLedger() {
        await relay?.close();
        await ledger.close();
        await listener?.close();
      },
    });
    await app.listen(config.PORT, host);
    relay?.start();
    const url = await app.getUrl();
    say(greeting(url, listener?.listeningOrigin ?? url, config));
  } finally {
    // It is shown once, so it is shown even if the service could not listen after all.
    if (personalToken) say(firstStart(personalToken));
  }
  writeLine(log, 'service.started', settingsOf(config));
}

const MEND_DIRECTORY =
  'Restore the data directory from a backup, or bring back the files that belong together: see "When the ' +
  'service does not start" in docs/operations.md.';
const MEND_EVENT =
  'Update to a release that can apply this event, or decide to go on without it: see "An event that cannot ' +
  'be applied" in docs/operations.md, and `token-ledger skip-event`.';
const MEND_DATABASE =
  'The data directory of this node is not to blame. See that LEDGER_EVENTSTOREDB_URL and ' +
  'LEDGER_EVENTSTOREDB_PREFIX name the right database, that nothing else writes, deletes or truncates streams ' +
  'with this prefix, and bring the database back from its own backup where it lost something: see "When the ' +
  'log is not what the ledger wrote" in docs/eventstoredb.md.';

/** What to print when the service cannot start: the reason and, where that is not part of it, what to do. */
export function startFailure(error: unknown, { LEDGER_STORE: store }: NodeJS.ProcessEnv): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof StoreDamaged) {
    const advice = store === 'eventstoredb' ? MEND_DATABASE : MEND_DIRECTORY;
    return `${error.message}.\nNothing was changed. ${advice}`;
  }
  if (error instanceof EventNotApplied || error instanceof UnreadableEvent) {
    return `${error.message}.\nNothing was changed. ${MEND_EVENT}`;
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE')
    return `${error.message}. Stop what listens there, or set another port.`;
  return error.message;
}

function settingsOf({ LEDGER_BOOTSTRAP_TOKEN: _token, ...settings }: LedgerConfig): object {
  return { settings };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
