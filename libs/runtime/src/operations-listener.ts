import { fastify, type FastifyInstance } from 'fastify';

/** What a process answers to those who run it. */
export interface OperationsRoutes {
  addRoutes(listener: FastifyInstance): void;
}

/**
 * Health and metrics on a port of their own, so that the main one need not show them (A19). It answers
 * before the ledger is opened and until the process ends.
 */
export async function listenForOperations(
  operations: OperationsRoutes,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<FastifyInstance> {
  const listener = fastify({
    logger: false,
    bodyLimit: 1024,
    requestTimeout: 10_000,
    http: { maxHeaderSize: 16 * 1024, headersTimeout: 5_000, connectionsCheckingInterval: 5_000 },
    forceCloseConnections: true,
  });
  operations.addRoutes(listener);
  await listener.listen({ host, port });
  return listener;
}
