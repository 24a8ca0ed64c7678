import {
  Gateway,
  KafkaFeed,
  LedgerClient,
  SseFeed,
  systemTime,
  type GatewayLog,
  type InvalidationFeed,
} from '@ledger/gateway-cache';
import { Farewell, kafkaAccess } from '@ledger/process';
import { createGatewayApp } from './gateway-app.js';
import { readGatewayConfig, type GatewayConfig } from './gateway-config.js';
import { JsonLog } from './operations/log.js';
import { readRoutesFile } from './routes/routes-file.js';

/** How long calls under way, and the goodbye to the ledger, may take. */
const STOP_MS_MAX = 10_000;

/** A gateway that listens. */
export interface RunningGateway {
  readonly url: string;
  readonly gateway: Gateway;
  /** Stops to accept calls, gives leases back, and tells the ledger. Safe to repeat. */
  stop(): Promise<void>;
}

/** Runs the gateway until it is asked to stop. @throws When it cannot start. */
export async function serveUntilSignal(environment: NodeJS.ProcessEnv): Promise<void> {
  const config = readGatewayConfig(environment);
  const log = new JsonLog({ level: config.LOG_LEVEL });
  for (const origin of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(origin, (error: unknown) => {
      log.write('fatal', 'process.crashed', { origin, err: error });
      process.exit(1);
    });
  }
  const running = await startGateway(config, log, true);
  process.stdout.write(`ledger-gateway listens on ${running.url}\n`);
  const stop = (signal: string): void => {
    log.write('info', 'gateway.stopping', { signal });
    setTimeout(() => {
      log.write('warn', 'gateway.cut-off');
      process.exit(1);
    }, STOP_MS_MAX).unref();
    running.stop().then(
      () => {
        log.write('info', 'gateway.stopped');
        process.exit(0);
      },
      (error: unknown) => {
        log.write('error', 'gateway.cut-off', { err: error });
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop(signal));
}

/** Starts everything. @param isOwnProcess Whether metrics tell of the process too. */
export async function startGateway(
  config: Readonly<GatewayConfig>,
  log: JsonLog,
  isOwnProcess: boolean,
): Promise<RunningGateway> {
  const routes = readRoutesFile(config.GATEWAY_ROUTES_FILE);
  const { GATEWAY_LEDGER_URL: url, GATEWAY_LEDGER_TOKEN: token, GATEWAY_ID: gatewayId } = config;
  const ledger = new LedgerClient({ url, token, log });
  const gateway = new Gateway({
    ...{ ledger, feed: feedOf(config, log), time: systemTime, log, gatewayId },
    ttlMs: config.GATEWAY_CACHE_TTL_MS,
    entriesMax: config.GATEWAY_CACHE_ENTRIES,
    leaseBlock: config.GATEWAY_LEASE_BLOCK,
  });
  let isStopping = false;
  const apps = createGatewayApp({
    ...{ gateway, routes, log, time: systemTime, realm: config.GATEWAY_REALM },
    isStopping: () => isStopping,
    hasOwnOperations: config.METRICS_PORT !== 0,
    withProcessMetrics: isOwnProcess,
  });
  const { main, operations } = apps;
  const farewell = new Farewell(main.server);
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    isStopping = true;
    await farewell.say(STOP_MS_MAX, () => main.close());
    await operations.close();
    await gateway.close();
    ledger.close();
  };
  try {
    const { HOST: host } = config;
    if (config.METRICS_PORT !== 0) {
      await operations.listen({ host, port: config.METRICS_PORT });
    }
    const listening = await main.listen({ host, port: config.PORT });
    const { GATEWAY_FEED: feed, GATEWAY_CACHE_TTL_MS: ttlMs } = config;
    log.write('info', 'gateway.started', { gatewayId, ledger: url, feed, ttlMs });
    return { url: listening, gateway, stop: () => (stopped ??= stop()) };
  } catch (error) {
    await stop();
    throw error;
  }
}

function feedOf(config: Readonly<GatewayConfig>, log: GatewayLog): InvalidationFeed {
  const { GATEWAY_LEDGER_URL: url, GATEWAY_LEDGER_TOKEN: token, GATEWAY_ID: gatewayId } = config;
  if (config.GATEWAY_FEED === 'sse') return new SseFeed({ url, token, log });
  return new KafkaFeed({ gatewayId, access: kafkaAccess(config)! });
}
