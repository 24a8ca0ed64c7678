import type { LedgerEvent, Role } from '@ledger/domain';
import { IssuedSecrets } from './socket-client.js';
import { SocketWorld } from './socket-world.js';
import { SocmateClient, type SocmateRequest } from './socmate-client.js';
import type { startTestService, TestService } from './test-service.js';

export const DAY_MS = 86_400_000;
export const ALL_SCOPES = [
  ...['investigations:read', 'investigations:write', 'incidents:read', 'search:read', 'graph:read'],
];

/** The service, the organization `demo`, and callers of this dialect. */
export class SocmateWorld {
  readonly #issued = new IssuedSecrets();
  readonly admin: SocmateClient;
  /** Who calls without any credential. */
  readonly nobody: SocmateClient;

  private constructor(readonly socket: SocketWorld) {
    this.admin = this.bearer(socket.service.admin);
    this.nobody = this.with({});
  }

  static async start(options: Parameters<typeof startTestService>[0] = {}): Promise<SocmateWorld> {
    return new SocmateWorld(await SocketWorld.start(options));
  }

  /** Stops the service, after no key that was ever issued is found in its log. */
  async close(): Promise<void> {
    const log = JSON.stringify(await this.socket.events(), (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    await this.socket.close();
    this.#issued.checkAbsent(log, 'the log');
  }

  get service(): TestService {
    return this.socket.service;
  }

  with(headers: Readonly<Record<string, string>>): SocmateClient {
    return new SocmateClient(this.service.url, headers, this.#issued);
  }

  bearer(secret: string): SocmateClient {
    return this.with({ authorization: `Bearer ${secret}` });
  }

  key(secret: string): SocmateClient {
    return this.with({ 'x-api-key': secret });
  }

  async user(role: Role, slug = 'demo'): Promise<SocmateClient> {
    return this.bearer((await this.socket.user(role, slug)).personalToken);
  }

  /** Another organization, and its admin. */
  async organization(slug: string): Promise<SocmateClient> {
    return this.bearer((await this.socket.organization(slug)).admin.personalToken);
  }

  /** What a key is told at a data route that its scope opens. */
  async use(
    secret: string,
    request: SocmateRequest = {},
  ): Promise<{ status: number; body: unknown }> {
    const { status, body } = await this.key(secret).send('GET', '/api/v1/incidents', request);
    return { status, body: body as unknown };
  }

  async isAlive(secret: string): Promise<boolean> {
    return (await this.use(secret)).status === 200;
  }

  /** Waits until what was answered is recorded: uses are, once their call has gone on. */
  async settled(): Promise<void> {
    const { store, projector } = this.service.ledger;
    let head = -1n;
    for (let next = await store.head(); next !== head; next = await store.head()) {
      head = next;
      await new Promise((resolve) => setTimeout(resolve, 5));
      await projector.caughtUp();
    }
  }

  recorded(work: () => Promise<unknown>): Promise<readonly LedgerEvent[]> {
    return this.socket.recorded(work);
  }

  recordedTypes(work: () => Promise<unknown>): Promise<readonly string[]> {
    return this.socket.recordedTypes(work);
  }
}
