import { randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { epochMs, type OrgId, type SecretId, type Timestamp, type TokenId } from '@ledger/domain';
import { EventStore } from '@ledger/event-store';
import type { CommandContext } from './command-context.js';
import { toNewEvents } from './new-events.js';
import { Clock } from './ports.js';
import { StreamFolds } from './stream-folds.js';
import { usageStream } from './streams.js';

const BETWEEN_USES_MS_MIN = 60_000;
const KNOWN_MAX = 100_000;

/**
 * Records uses that cost nothing, at most one a minute for each token; the first at once. A charge is a
 * use of its own record. Eventual: a use that could not be recorded is logged, and its call goes on.
 */
@Injectable()
export class UseRecorder {
  readonly #logger = new Logger(UseRecorder.name);
  readonly #lastAt = new Map<TokenId, Timestamp>();

  constructor(
    private readonly store: EventStore,
    private readonly folds: StreamFolds,
    private readonly clock: Clock,
  ) {}

  record(
    use: { readonly tokenId: TokenId; readonly orgId: OrgId; readonly secretId: SecretId },
    context: CommandContext,
  ): void {
    const now = this.clock.now();
    const last = this.#lastAt.get(use.tokenId);
    if (last && epochMs(now) - epochMs(last) < BETWEEN_USES_MS_MIN) return;
    if (this.#lastAt.size >= KNOWN_MAX) this.#lastAt.clear();
    this.#lastAt.set(use.tokenId, now);
    this.#append({ ...use, occurredAt: now }, context).catch((error: unknown) => {
      this.#logger.warn(`use of token ${use.tokenId} was not recorded: ${String(error)}`);
    });
  }

  async #append(
    use: { tokenId: TokenId; orgId: OrgId; secretId: SecretId; occurredAt: Timestamp },
    context: CommandContext,
  ): Promise<void> {
    const { streamId } = usageStream(use.tokenId);
    const { revision } = await this.folds.load(usageStream(use.tokenId));
    const identity = { commandId: randomUUID(), fingerprint: undefined };
    const events = toNewEvents([{ type: 'TokenUsed', ...use } as const], {
      identity,
      context,
      orgId: use.orgId,
    });
    const appended = await this.store.append(streamId, revision, events);
    // Another node recorded a use just now, which serves as well; the next one starts from there.
    if (appended.outcome === 'conflict') await this.folds.refresh(usageStream(use.tokenId));
    else {
      const { position } = appended;
      const stored = events.map((event) => ({ ...event, revision: revision + 1, position }));
      const fold = await this.folds.load(usageStream(use.tokenId));
      if (fold.revision === revision) this.folds.advance(usageStream(use.tokenId), fold, stored);
    }
  }
}
