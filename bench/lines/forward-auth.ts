import { setTimeout as sleep } from 'node:timers/promises';
import { issueTokens } from '../issued-tokens.js';
import type { Line } from '../line.js';
import { compareOverHttp } from '../over-http.js';
import { startGateway, startLedger, type Service } from '../service.js';
import { printFigure } from '../table.js';

const REVOCATIONS_PER_SECOND = 100;
const ROUTES = {
  routes: [
    { path: '/status', public: true },
    { methods: ['GET'], path: '/invoices/*', scopes: ['invoices:read'] },
  ],
};

/** A gateway decides from memory, while tokens of others are revoked all the time. */
export const forwardAuth: Line = {
  name: 'forward-auth',
  async run(bench) {
    const ledger = await startLedger();
    const gateway = await startGateway(ledger, ROUTES);
    try {
      const { tokens } = await issueTokens(ledger, 1_000);
      const seconds = (bench.rounds + 1) * 2 * Math.max(1, bench.ms / 1_000) + 5;
      const doomed = await issueTokens(ledger, seconds * REVOCATIONS_PER_SECOND);
      const calls = tokens.map(({ secret }, index) => ({
        path: '/auth/nginx',
        headers: {
          authorization: `Bearer ${secret}`,
          'x-original-method': 'GET',
          'x-original-uri': `/invoices/${index}`,
        },
      }));
      const stream = revokeSteadily(ledger, doomed.tokens);
      const line = 'forward-auth from memory, 100 revokes/s';
      await compareOverHttp(bench, { line, goal: 0.8, ledger: gateway, calls });
      const { revoked, perSecond } = await stream.stop();
      printFigure('  tokens revoked meanwhile', `${revoked}, ${perSecond.toFixed(0)}/s`);
    } finally {
      await gateway.stop();
      await ledger.stop();
    }
  },
};

/** Revokes one token after the other, at a steady rate. */
function revokeSteadily(ledger: Service, tokens: readonly { readonly id: string }[]) {
  let isStopping = false;
  let revoked = 0;
  const startedAt = performance.now();
  const running = (async () => {
    for (const { id } of tokens) {
      if (isStopping) return;
      const response = await fetch(`${ledger.url}/v1/orgs/demo/tokens/${id}/revoke`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ledger.admin}`, 'content-type': 'application/json' },
        body: JSON.stringify({ reason: 'requested' }),
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`revoke: ${response.status}`);
      revoked += 1;
      const dueMs = (revoked * 1_000) / REVOCATIONS_PER_SECOND;
      await sleep(Math.max(0, startedAt + dueMs - performance.now()));
    }
  })();
  return {
    async stop() {
      const seconds = (performance.now() - startedAt) / 1_000;
      isStopping = true;
      await running;
      return { revoked, perSecond: revoked / seconds };
    },
  };
}
