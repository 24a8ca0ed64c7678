import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CommandBus } from '@nestjs/cqrs';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LedgerModule, NestLog, type Ledger } from '@ledger/runtime';
import { registerHotRoutes } from './dialects/native/hot-routes.js';
import { LedgerPosition } from './dialects/native/ledger-position.js';
import { NativeModule } from './dialects/native/native.module.js';
import { nativeFailures } from './dialects/native/problems/native-failures.js';
import { registerDataRoutes } from './dialects/socmate/data-routes.js';
import { socmateFailures } from './dialects/socmate/socmate-answers.js';
import { SocmateModule } from './dialects/socmate/socmate.module.js';
import { socketFailures } from './dialects/socket/socket-answers.js';
import { SocketModule } from './dialects/socket/socket.module.js';
import { FailureFilter } from './http/failure.filter.js';
import { limitedFastify, prepareFastify, RouteTable } from './http/fastify.js';
import { Operations } from './operations/operations.js';

@Module({})
class AppModule {
  static of(ledger: Ledger): DynamicModule {
    const dialects = [SocketModule, SocmateModule, NativeModule];
    return { module: AppModule, imports: [LedgerModule.of(ledger), ...dialects] };
  }
}

/**
 * The HTTP service on an opened ledger, ready to listen. The ledger stays its caller's to close.
 *
 * @param upstreamUrl Where calls to SoCMate's data routes go that may pass; null answers them itself.
 */
export async function createApp(
  ledger: Ledger,
  operations = Operations.of(ledger),
  upstreamUrl: string | null = null,
): Promise<NestFastifyApplication> {
  const routes = new RouteTable();
  const dialects = [socketFailures, socmateFailures, nativeFailures];
  const failures = new FailureFilter(dialects, (path) => routes.methodsOf(path), {
    log: operations.log,
    onUnmatched: (request, reply) => operations.watch.unmatched(request, reply),
  });
  const position = new LedgerPosition(ledger.progress);
  const adapter = limitedFastify((error, request, reply) => {
    position.tell(request, reply);
    failures.send(error, request, reply);
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.of(ledger), adapter, {
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
  registerHotRoutes(fastify, { ledger, bus: app.get(CommandBus), failures });
  registerDataRoutes(fastify, { ledger, upstreamUrl, failures });
  app.useGlobalFilters(failures);
  await app.init();
  return app;
}
