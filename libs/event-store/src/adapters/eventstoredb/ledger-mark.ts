import { randomUUID } from 'node:crypto';
import { StoreDamaged, StoreUnavailable } from '../../event-store.js';
import { Deadline } from './deadline.js';
import { streamRequest } from './requests.js';
import type { RecordedEvent } from './recorded-events.js';
import type { DatabaseParts } from './wiring.js';

/** Whose log this is. Written once, before the first event. */
export interface LedgerMark {
  /** Random name of the log. */
  readonly ledgerId: string;
  /** By which a node finds out that it holds another ledger's key. Tells nothing of the key. */
  readonly keyCheck: string;
}

const EVENT_TYPE = 'LedgerBegun';
const FORM = /^[\w-]{1,128}$/;

/** The mark of one log, in a stream of its own beside the log: it is no fact of the ledger's domain. */
export class LedgerMarks {
  readonly #stream: string;

  constructor(
    private readonly parts: Pick<DatabaseParts, 'appender' | 'reader' | 'prefix'>,
    private readonly deadlineMs: number,
  ) {
    this.#stream = `_mark-of-${parts.prefix}`;
  }

  async read(): Promise<LedgerMark | undefined> {
    const deadline = new Deadline(this.deadlineMs);
    const request = streamRequest(this.#stream, 0, 1);
    const [recorded] = await this.parts.reader.read(request, { deadline, requiresLeader: true });
    return recorded && this.#markIn(recorded);
  }

  async write(mark: LedgerMark): Promise<LedgerMark> {
    const event = {
      eventId: randomUUID(),
      type: EVENT_TYPE,
      data: JSON.stringify(mark),
      metadata: '{}',
    };
    const deadline = new Deadline(this.deadlineMs);
    const answer = await this.parts.appender.append(this.#stream, 0, [event], deadline);
    if (answer.kind === 'appended') return mark;
    const standing = await this.read();
    if (standing) return standing;
    throw new StoreUnavailable(`${this.#stream} is not yet replicated`);
  }

  #markIn(recorded: RecordedEvent): LedgerMark {
    try {
      const text = Buffer.from(recorded.getData_asU8()).toString('utf8');
      const { ledgerId, keyCheck } = JSON.parse(text) as Partial<LedgerMark>;
      if (FORM.test(ledgerId ?? '') && FORM.test(keyCheck ?? '')) {
        return { ledgerId: ledgerId!, keyCheck: keyCheck! };
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw new StoreDamaged(`${this.#stream} was not written by the ledger`);
  }
}
