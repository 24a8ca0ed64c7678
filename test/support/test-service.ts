import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openInMemory, registerFirstTenant, type Ledger } from '@ledger/runtime';
import { ManualClock } from '@ledger/commands/testing';
import type { WindowLength } from '@ledger/domain';
import { createApp, type ApiSettings } from '../../apps/ledger-api/src/app.js';

/** The service in this process, on a ledger in memory and a clock that tests move. */
export interface TestService {
  readonly url: string;
  /** Personal token of the admin of the organization `demo`, who is an operator too. */
  readonly admin: string;
  readonly ledger: Ledger;
  readonly clock: ManualClock;
  readonly server: Server;
  close(): Promise<void>;
}

export async function startTestService(
  options: {
    readonly windowLength?: WindowLength;
    readonly retryWindowMs?: number;
    readonly settings?: ApiSettings;
  } = {},
): Promise<TestService> {
  const clock = new ManualClock();
  const { windowLength = 'month', retryWindowMs = 0 } = options;
  const ledger = await openInMemory({ windowLength, retryWindowMs, clock });
  const { personalToken } = await registerFirstTenant(ledger, {
    slug: 'demo',
    name: 'Demo',
    plan: 'enterprise',
    adminEmail: 'admin@demo.invalid',
    adminName: 'Demo Admin',
  });
  const app = await createApp(ledger, undefined, options.settings);
  await app.listen(0, '127.0.0.1');
  const server: Server = app.getHttpServer();
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    admin: personalToken.reveal(),
    ledger,
    clock,
    server,
    async close() {
      await app.close();
      await ledger.close();
    },
  };
}
