import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import {
  epochMs,
  latest,
  timestamp,
  type OrgId,
  type SecretId,
  type Timestamp,
  type TokenId,
} from '@ledger/domain';
import { EventStore } from '@ledger/event-store';
import type { CommandContext } from './command-context.js';
import { toNewEvents } from './new-events.js';
import { Clock } from './ports.js';
import { StreamFolds } from './stream-folds.js';
import { usageStream } from './streams.js';

const BETWEEN_USES_MS_MIN = 60_000;
const KNOWN_MAX = 100_000;

/**
 * Records uses that cost nothing, at most one a minute for each secret; the first at once. A charge is a
 * use of its own record. Eventual: a use that could not be recorded is logged, and its call goes on.
 */
@Injectable()
export class UseRecorder {
  readonly #logger = new Logger(UseRecorder.name);
  readonly #nextAt = new Map<SecretId, Timestamp>();

  constructor(
    private readonly store: EventStore,
    private readonly folds: StreamFolds,
    private readonly clock: Clock,
  ) {}

  /** Whether a use at `now` would be recorded: for callers to whom telling of it costs something. */
  isDue(secretId: SecretId, now: Timestamp): boolean {
    const nextAt = this.#nextAt.get(secretId);
    return nextAt === undefined || now >= nextAt;
  }

  record(
    use: { readonly tokenId: TokenId; readonly orgId: OrgId; readonly secretId: SecretId },
    context: CommandContext,
  ): void {
    const now = this.clock.now();
    if (!this.isDue(use.secretId, now)) return;
    if (this.#nextAt.size >= KNOWN_MAX) this.#nextAt.clear();
    this.#nextAt.set(use.secretId, timestamp(epochMs(now) + BETWEEN_USES_MS_MIN));
    this.#append({ occurredAt: now, ...use }, context).catch((error: unknown) => {
      this.#logger.warn(`use of token ${use.tokenId} was not recorded: ${String(error)}`);
    });
  }

  async #append(
    use: { tokenId: TokenId; orgId: OrgId; secretId: SecretId; occurredAt: Timestamp },
    context: CommandContext,
  ): Promise<void> {
    const stream = usageStream(use.tokenId);
    const { streamId } = stream;
    const identity = { commandId: randomUUID(), fingerprint: undefined };
    // Never before the use recorded last: another node's clock may be ahead of this one's.
    const eventsAfter = (lastAt: Timestamp | null | undefined) =>
      toNewEvents(
        [{ type: 'TokenUsed', ...use, occurredAt: latest(use.occurredAt, lastAt) } as const],
        { identity, context, orgId: use.orgId },
      );
    const kept = this.folds.kept(stream);
    let revision = kept?.revision ?? 0;
    let events = eventsAfter(kept?.state);
    let appended = await this.store.append(streamId, revision, events);
    if (appended.outcome === 'conflict') {
      // The answer says how long the stream is, so that years of uses are never read. Another conflict
      // means that another node recorded a use just now, which serves as well.
      revision = appended.actualRevision;
      const [newest] = await this.store.read(streamId, revision - 1);
      events = eventsAfter(newest?.occurredAt);
      appended = await this.store.append(streamId, revision, events);
    }
    if (appended.outcome === 'conflict') return;
    const { position } = appended;
    const before = { state: null, revision, position, repeatable: new Map() };
    const stored = events.map((event) => ({ revision: revision + 1, position, ...event }));
    this.folds.advance(stream, before, stored);
  }
}
