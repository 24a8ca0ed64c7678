import { fastify } from 'fastify';

/** The baseline: Fastify that parses the same bodies and answers as many bytes, and does nothing else. */
const answer = {
  valid: true,
  code: 'VALID',
  tokenId: '00000000-0000-4000-8000-000000000000',
  secretId: '00000000-0000-4000-8000-000000000000',
  orgId: '00000000-0000-4000-8000-000000000000',
  dialect: 'native',
  ownerId: null,
  name: 'bench',
  scopes: ['invoices'],
  metadata: {},
  missingScopes: [],
  expiresAt: null,
  quota: { limit: null, consumed: 12, remaining: null, resetAt: '2026-12-01T00:00:00.000Z' },
  position: '48211',
};
const server = fastify({ logger: false });
server.post('/v1/verify', (_request, reply) => reply.send(answer));
server.post('/v1/quota/consume', (_request, reply) => {
  return reply.send({ units: 1, quota: answer.quota, position: answer.position });
});
const identity = {
  'cache-control': 'no-store',
  'x-token-id': answer.tokenId,
  'x-token-org': answer.orgId,
  'x-token-name': answer.name,
  'x-token-scopes': 'invoices',
};
server.all('/auth/nginx', (_request, reply) => reply.code(200).headers(identity).send(''));
const url = await server.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`listens on ${url}\n`);
