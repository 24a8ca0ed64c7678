import type { Consumer, Kafka } from 'kafkajs';
import type { RelayTerm } from '../../relay-lease.js';
import { RETRY } from './kafka-connection.js';
import { KafkaTerm, type TermSettings } from './kafka-term.js';

/** The least that brokers accept unless told otherwise: a relay that dies is replaced after this long. */
export const SESSION_MS = 6_000;
const HEARTBEAT_MS = 1_000;
/** Requests whose answer says that the coordinator knows this member still. */
const KEEPS_ALIVE = new Set(['Heartbeat', 'OffsetCommit']);
/** How often the loop of kafkajs comes round while there is nothing to fetch: it sends heartbeats there. */
const ROUND_MS = 200;
/** Leaving in order is a courtesy to who waits; a broker that hangs must not hold up the end. */
const LEAVE_MS_MAX = 2_000;

/** One membership in the group of relays: its terms come and go as the group shares out the partition. */
export class RelayMember {
  readonly #consumer: Consumer;
  readonly #looking = new Set<() => void>();
  #term: KafkaTerm | undefined;
  #isJoined = false;
  #failure: Error | undefined;

  constructor(
    private readonly kafka: Kafka,
    private readonly settings: TermSettings,
  ) {
    const { groupId, sessionMs } = settings;
    this.#consumer = kafka.consumer({
      groupId,
      sessionTimeout: sessionMs,
      rebalanceTimeout: sessionMs,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: ROUND_MS,
      allowAutoTopicCreation: false,
      retry: { ...RETRY, restartOnFailure: async () => false },
    });
    this.#listen();
  }

  get term(): RelayTerm | undefined {
    return this.#term;
  }

  /** It takes part, and the partition went to somebody else. */
  get isStandby(): boolean {
    return this.#isJoined && !this.#term;
  }

  /** False once it has crashed, or its term ran out while nothing was heard. */
  get isAlive(): boolean {
    return !this.#failure && !this.#term?.hasRunOut;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Asks to take part; resolves before the answer is there. */
  async join(): Promise<void> {
    const { topic } = this.settings;
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic });
    // Nothing is fetched: the partition is only what the group shares out.
    const run = this.#consumer.run({ autoCommit: false, eachBatch: async () => undefined });
    run.catch((error: Error) => this.#fail(error));
  }

  /** Resolves when the term or the failure may be another, or `signal` is aborted. */
  changed(signal: AbortSignal): Promise<void> {
    if (this.#failure || this.#term?.isHeld || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        this.#looking.delete(look);
        signal.removeEventListener('abort', look);
        resolve();
      };
      this.#looking.add(look);
      signal.addEventListener('abort', look);
    });
  }

  async leave(): Promise<void> {
    this.#endTerm();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, LEAVE_MS_MAX)));
    await Promise.race([this.#consumer.disconnect().catch(() => undefined), late]);
    clearTimeout(timer);
  }

  #listen(): void {
    const { topic } = this.settings;
    const consumer = this.#consumer;
    const { events } = consumer;
    let sentAt = 0;
    // Of the clock that kafkajs reads. What counts is when a heartbeat was sent: an answer may have waited
    // in a process that was stopped meanwhile.
    consumer.on(events.REQUEST, ({ payload }) => {
      if (KEEPS_ALIVE.has(payload.apiName)) sentAt = payload.sentAt;
    });
    const heard = (at: number): void => this.#term?.heard(at - sentAt);
    consumer.on(events.HEARTBEAT, ({ timestamp }) => heard(timestamp));
    consumer.on(events.COMMIT_OFFSETS, ({ timestamp, payload }) => {
      heard(timestamp);
      this.#term?.committed(payload.groupGenerationId);
    });
    consumer.on(events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      consumer.pause([{ topic }]);
      this.#endTerm();
      this.#isJoined = true;
      if (memberAssignment[topic]?.includes(0)) this.#begin();
      else this.#look();
    });
    consumer.on(events.REBALANCING, () => this.#endTerm());
    consumer.on(events.STOP, () => this.#endTerm());
    consumer.on(events.CRASH, ({ payload: { error } }) => this.#fail(error));
  }

  #begin(): void {
    const term = new KafkaTerm(this.kafka, this.#consumer, this.settings);
    this.#term = term;
    term.begin().then(
      () => this.#look(),
      (error: Error) => {
        // Another assignment may have come meanwhile.
        if (this.#term === term) this.#fail(error);
      },
    );
  }

  #endTerm(): void {
    this.#isJoined = false;
    this.#term?.end();
    this.#term = undefined;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#endTerm();
    this.#look();
  }

  #look(): void {
    for (const look of this.#looking) look();
  }
}
