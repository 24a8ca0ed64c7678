import type { Kafka } from 'kafkajs';
import { LEDGER_POSITION } from '../../messages/ledger-position.js';
import { LeaseUnavailable, RelayLease, type RelayTerm } from '../../relay-lease.js';
import { connectKafka, type KafkaSettings } from './kafka-connection.js';
import { RelayMember, SESSION_MS } from './relay-member.js';

/** Name of the consumer group that is the lease, behind the prefix. */
export const RELAY_GROUP = 'token-ledger-relay';

export interface KafkaLeaseSettings extends KafkaSettings {
  /** Written into the checkpoint, which no other ledger may go on from. */
  readonly ledgerId: string;
  /** After this long without a word the active relay is taken for dead. Brokers refuse less than 6 s. */
  readonly sessionMs?: number;
}

/**
 * The lease as a consumer group with one partition to give: who is assigned it is the active relay. The group's
 * generation is the epoch, and the broker refuses a checkpoint that is committed in an older one. The
 * checkpoint is the metadata of the group's offset, so no second store can disagree with Kafka about
 * what Kafka has (docs/adr/0011).
 */
export class KafkaRelayLease extends RelayLease {
  readonly #kafka: Kafka;
  #member: RelayMember | undefined;

  constructor(private readonly settings: KafkaLeaseSettings) {
    super();
    this.#kafka = connectKafka(settings, 'token-ledger-relay');
  }

  async acquire(signal: AbortSignal, onStandby?: () => void): Promise<RelayTerm> {
    while (!signal.aborted) {
      // What has crashed or fallen silent does not come back by itself: a new member asks anew.
      if (this.#member && !this.#member.isAlive) await this.#leave();
      this.#member ??= await this.#join();
      const { term, isStandby } = this.#member;
      if (term?.isHeld) return term;
      if (isStandby) onStandby?.();
      await this.#member.changed(signal);
      if (this.#member.failure) {
        const { failure } = this.#member;
        await this.#leave();
        throw new LeaseUnavailable(`Kafka: ${failure.message}`, { cause: failure });
      }
    }
    throw new LeaseUnavailable('nobody waits for the lease any more');
  }

  async close(): Promise<void> {
    await this.#leave();
  }

  async #join(): Promise<RelayMember> {
    const { topicPrefix, ledgerId, sessionMs = SESSION_MS } = this.settings;
    const member = new RelayMember(this.#kafka, {
      topic: topicPrefix + LEDGER_POSITION,
      groupId: topicPrefix + RELAY_GROUP,
      ledgerId,
      sessionMs,
    });
    try {
      await member.join();
      return member;
    } catch (error) {
      await member.leave();
      throw new LeaseUnavailable(`Kafka: ${(error as Error).message}`, { cause: error });
    }
  }

  async #leave(): Promise<void> {
    const member = this.#member;
    this.#member = undefined;
    await member?.leave();
  }
}
