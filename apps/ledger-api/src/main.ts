import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  createDirectory,
  DEMO_TENANT,
  openDirectory,
  openInMemory,
  readConfig,
  registerFirstTenant,
  type Bootstrapped,
  type Ledger,
  type LedgerConfig,
} from '@ledger/runtime';
import { createApp } from './app.js';

const SHUTDOWN_MS_MAX = 25_000;

try {
  await main();
} catch (error) {
  process.stderr.write(`token-ledger cannot start: ${messageOf(error)}\n`);
  process.exit(1);
}

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const { ledger, bootstrapped } = await open(config);
  const app = await createApp(ledger);
  await app.listen(config.PORT, config.HOST);
  const url = await app.getUrl();
  process.stdout.write(`${greeting(url, config, bootstrapped)}\n`);

  let isClosing = false;
  const shutDown = (signal: string): void => {
    if (isClosing) process.exit(1);
    isClosing = true;
    process.stdout.write(`${signal}: finishing what is under way\n`);
    setTimeout(() => process.exit(1), SHUTDOWN_MS_MAX).unref();
    void app
      .close()
      .then(() => ledger.close())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`shutdown failed: ${messageOf(error)}\n`);
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', () => shutDown('SIGTERM'));
  process.on('SIGINT', () => shutDown('SIGINT'));
  // A listener keeps this signal from opening the inspector to whoever shares the machine (C10).
  process.on('SIGUSR1', () => undefined);
}

async function open(
  config: LedgerConfig,
): Promise<{ ledger: Ledger; bootstrapped?: Bootstrapped }> {
  const { LEDGER_BOOTSTRAP_TOKEN: personalToken, QUOTA_WINDOW: windowLength } = config;
  const tenant = { ...DEMO_TENANT, ...(personalToken ? { personalToken } : {}) };
  const settings = { windowLength, retryWindowMs: config.LEDGER_RETRY_WINDOW_MS };
  if (config.LEDGER_STORE === 'memory') {
    const ledger = await openInMemory(settings);
    return { ledger, bootstrapped: await registerFirstTenant(ledger, tenant) };
  }
  const directory = resolve(config.LEDGER_DATA_DIR);
  let bootstrapped: Bootstrapped | undefined;
  if (!existsSync(directory)) {
    if (config.NODE_ENV === 'production') {
      throw new Error(
        `there is no ledger in ${directory}, and in production none is made implicitly. Make one with ` +
          '`npm run ledger -- bootstrap`, or set LEDGER_DATA_DIR to where it is.',
      );
    }
    bootstrapped = await createDirectory(directory, tenant, windowLength);
  }
  const onStoreFailure = (error: Error): void => {
    process.stderr.write(`the store failed, so this process stops: ${messageOf(error)}\n`);
    // Answers under way still go out; nothing more can be acknowledged (R3).
    setTimeout(() => process.exit(1), 500);
  };
  const ledger = await openDirectory(directory, { ...settings, onStoreFailure });
  return bootstrapped ? { ledger, bootstrapped } : { ledger };
}

function greeting(url: string, config: LedgerConfig, bootstrapped?: Bootstrapped): string {
  const lines = [
    `token-ledger listens on ${url}`,
    `API documentation        ${url}/docs`,
    config.LEDGER_STORE === 'memory'
      ? 'events are kept in memory and end with the process'
      : `events are kept in     ${resolve(config.LEDGER_DATA_DIR)}`,
  ];
  if (bootstrapped) {
    lines.push(
      '',
      `First start: the organization "${DEMO_TENANT.slug}" was created.`,
      `Personal token of its admin, shown this once: ${bootstrapped.personalToken.reveal()}`,
    );
  }
  return lines.join('\n');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
