import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CommandBus } from '@nestjs/cqrs';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LedgerModule, NestLog, type Ledger } from '@ledger/runtime';
import { registerHotRoutes } from './dialects/native/hot-routes.js';
import { LedgerPosition } from './dialects/native/ledger-position.js';
import { NativeModule } from './dialects/native/native.module.js';
import { nativeFailures } from './dialects/native/problems/native-failures.js';
import {
  SAFE_TO_CLOSE_MS_DEFAULT,
  SafeToCloseModule,
} from './dialects/native/secrets/safe-to-close.js';
import { registerDataRoutes } from './dialects/socmate/data-routes.js';
import { socmateFailures } from './dialects/socmate/socmate-answers.js';
import { SocmateModule } from './dialects/socmate/socmate.module.js';
import { UPSTREAM_ANSWER_MS_MAX } from './dialects/socmate/upstream.js';
import { socketFailures } from './dialects/socket/socket-answers.js';
import { SocketModule } from './dialects/socket/socket.module.js';
import { Admission } from './http/admission.js';
import { FailureFilter } from './http/failure.filter.js';
import { DirectRoutes } from './http/direct-routes.js';
import {
  BODY_BYTES_MAX,
  limitedFastify,
  prepareFastify,
  requestId,
  RouteTable,
  setCommonHeaders,
} from './http/fastify.js';
import { answerUnreadable } from './http/unreadable-request.js';
import { Operations } from './operations/operations.js';

/** What a deployment chooses about its API. */
export interface ApiSettings {
  /** Where calls to SoCMate's data routes go that may pass; absent, they are answered here. */
  readonly upstreamUrl?: string | undefined;
  readonly upstreamAnswerMsMax?: number;
  /** How many requests may be under way at once, beside those that are urgent. */
  readonly requestsMax?: number;
  /** How long an old secret must not have been used before its grace is called safe to close. */
  readonly safeToCloseMs?: number;
}

@Module({})
class AppModule {
  static of(ledger: Ledger, settings: ApiSettings): DynamicModule {
    const dialects = [SocketModule, SocmateModule, NativeModule];
    const { safeToCloseMs = SAFE_TO_CLOSE_MS_DEFAULT } = settings;
    const parts = [LedgerModule.of(ledger), SafeToCloseModule.of(safeToCloseMs)];
    return { module: AppModule, imports: [...parts, ...dialects] };
  }
}

/** The HTTP service on an opened ledger, ready to listen. The ledger stays its caller's to close. */
export async function createApp(
  ledger: Ledger,
  operations = Operations.of(ledger),
  settings: ApiSettings = {},
): Promise<NestFastifyApplication> {
  const routes = new RouteTable();
  const dialects = [socketFailures, socmateFailures, nativeFailures];
  const failures = new FailureFilter(dialects, (path) => routes.methodsOf(path), {
    log: operations.log,
    onUnmatched: (request, reply) => operations.watch.unmatched(request, reply),
  });
  const position = new LedgerPosition(ledger.progress);
  const admission = new Admission({
    ...(settings.requestsMax === undefined ? {} : { requestsMax: settings.requestsMax }),
    onShed: () => operations.watch.shed(),
  });
  const direct = new DirectRoutes({
    ...{ bodyBytesMax: BODY_BYTES_MAX, requestId, admission },
    onRequest(request, reply) {
      position.tell(request, reply);
      setCommonHeaders(request, reply);
    },
    onRefused: (error, request, reply) => failures.send(error, request, reply),
  });
  const adapter = limitedFastify({
    direct,
    onUnroutable(error, request, reply) {
      position.tell(request, reply);
      failures.send(error, request, reply);
    },
    onUnreadable: answerUnreadable((failure, path, requestId) =>
      failures.answerTo(failure, path, requestId),
    ),
  });
  const module = AppModule.of(ledger, settings);
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    bodyParser: false,
    logger: new NestLog(operations.log),
    abortOnError: false,
  });
  const fastify = adapter.getInstance();
  fastify.addHook('onRequest', position.onRequest);
  prepareFastify(fastify, routes);
  operations.watch.attach(fastify);
  if (operations.onMainPort) operations.addRoutes(fastify);
  fastify.addHook('onListen', async () => operations.state.serving());
  const { watch } = operations;
  registerHotRoutes(fastify, direct, { ledger, bus: app.get(CommandBus), failures, watch });
  const { upstreamUrl: url, upstreamAnswerMsMax: answerMsMax = UPSTREAM_ANSWER_MS_MAX } = settings;
  const upstream = url === undefined ? null : { url, answerMsMax };
  registerDataRoutes(fastify, { ledger, upstream, failures });
  app.useGlobalFilters(failures);
  await app.init();
  return app;
}
