import type { Consumer, Kafka } from 'kafkajs';
import type { Position } from '@ledger/event-store';
import { CheckpointFault, LeaseLost, LeaseUnavailable, type RelayTerm } from '../../relay-lease.js';
import { RETRY } from './kafka-connection.js';

/** The broker says that this member's generation is over, or about to be. */
const FENCED = new Set([
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
]);

export interface TermSettings {
  readonly topic: string;
  readonly groupId: string;
  readonly ledgerId: string;
  readonly sessionMs: number;
}

/** One assignment of the partition: what a generation of the group may do with the checkpoint. */
export class KafkaTerm implements RelayTerm {
  readonly #ending = new AbortController();
  #generation: number | undefined;
  #checkpoint: string;
  #endsAt = Infinity;

  constructor(
    private readonly kafka: Kafka,
    private readonly consumer: Consumer,
    private readonly settings: TermSettings,
  ) {
    this.#checkpoint = this.#text(0n);
  }

  get epoch(): number {
    return this.#generation ?? 0;
  }

  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  get isHeld(): boolean {
    return this.#generation !== undefined && !this.ended.aborted && !this.hasRunOut;
  }

  /** Nothing was heard for so long that the group may have given the partition to another. */
  get hasRunOut(): boolean {
    return performance.now() >= this.#endsAt;
  }

  /** Reads the checkpoint and commits it again: the answer names the generation, which is then the epoch. */
  async begin(): Promise<void> {
    const { topic, groupId } = this.settings;
    const admin = this.kafka.admin({ retry: RETRY });
    try {
      await admin.connect();
      const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
      this.#checkpoint = found?.partitions[0]?.metadata || this.#checkpoint;
    } finally {
      admin.disconnect().catch(() => undefined);
    }
    await this.#commit(this.#checkpoint);
  }

  async load(): Promise<Position> {
    const { ledgerId } = this.settings;
    const checkpoint = parsed(this.#checkpoint);
    if (checkpoint?.ledgerId !== ledgerId) {
      throw new CheckpointFault(
        `the checkpoint in Kafka is of ledger ${checkpoint?.ledgerId}, and this is ${ledgerId}: ` +
          'give each ledger a KAFKA_TOPIC_PREFIX of its own. See docs/kafka.md',
      );
    }
    return BigInt(checkpoint.position);
  }

  async save(position: Position): Promise<void> {
    if (!this.isHeld) throw this.#lost();
    const text = this.#text(position);
    await this.#commit(text);
    this.#checkpoint = text;
  }

  /** The coordinator has heard this member, by what was sent `ago` milliseconds ago. */
  heard(ago: number): void {
    this.#endsAt = performance.now() - Math.max(0, ago) + this.settings.sessionMs;
  }

  /** A commit was accepted in a generation. */
  committed(generation: number): void {
    this.#generation ??= generation;
    if (generation !== this.#generation) this.end();
    else this.#confirm();
  }

  end(): void {
    this.#ending.abort();
  }

  #confirm: () => void = () => undefined;

  async #commit(metadata: string): Promise<void> {
    const { topic } = this.settings;
    let isConfirmed = false;
    this.#confirm = () => (isConfirmed = true);
    try {
      // The offset means nothing here, as nothing is fetched.
      await this.consumer.commitOffsets([{ topic, partition: 0, offset: '0', metadata }]);
    } catch (error) {
      const { type, cause, message } = error as { type?: string; cause?: unknown } & Error;
      const reason = type ?? (cause as { type?: string } | undefined)?.type ?? '';
      if (!FENCED.has(reason)) throw new LeaseUnavailable(`Kafka: ${message}`, { cause: error });
      this.end();
      throw this.#lost();
    }
    // kafkajs resolves a commit without sending it once the consumer has stopped.
    if (!isConfirmed || this.ended.aborted) throw this.#lost();
  }

  #lost(): LeaseLost {
    return new LeaseLost(`term ${this.epoch} of the relay is over`);
  }

  #text(position: Position): string {
    return JSON.stringify({ ledgerId: this.settings.ledgerId, position: String(position) });
  }
}

function parsed(
  text: string,
): { readonly ledgerId: string; readonly position: string } | undefined {
  try {
    const value = JSON.parse(text) as { readonly ledgerId?: unknown; readonly position?: unknown };
    const { ledgerId, position } = value;
    if (typeof ledgerId !== 'string' || !/^\d+$/.test(String(position))) return undefined;
    return { ledgerId, position: String(position) };
  } catch {
    return undefined;
  }
}
