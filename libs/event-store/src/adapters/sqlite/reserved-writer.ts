import type { LedgerEvent } from '@ledger/domain';
import type { LogWriter } from './log-writer.js';
import type { SpaceReserve } from './space-reserve.js';
import { sqliteCode } from './sqlite-connection.js';
import type { EncodedAppend, WriterVerdict } from './writer-messages.js';

/** What takes power away from somebody: these must be written even where nothing else can be. */
const ENDINGS: readonly string[] = [
  'TokenRevoked',
  'TokenGraceClosed',
  'PersonalTokenRevoked',
  'MemberRemoved',
] satisfies readonly LedgerEvent['type'][];

/**
 * Writes appends as long as the disk has room for them. When it is full, the reserve is given up, and only
 * revocations are written into its space, until there is room for the reserve again (R4).
 */
export class ReservedWriter {
  #isFull = false;

  constructor(
    private readonly writer: LogWriter,
    private readonly reserve: SpaceReserve,
  ) {
    reserve.hold();
  }

  /** Whether only revocations are written. Where space was never kept back, everything is, as long as it goes. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** @throws SqliteError As {@link LogWriter.write}; `SQLITE_FULL` when even the reserve is used up. */
  write(appends: readonly EncodedAppend[]): {
    readonly verdicts: readonly WriterVerdict[];
    readonly flushMs: number;
  } {
    if (this.reserve.hold()) this.#isFull = false;
    if (!this.#isFull) {
      try {
        return this.writer.write(appends);
      } catch (error) {
        if (sqliteCode(error) !== 'SQLITE_FULL') throw error;
        this.reserve.release();
        this.#isFull = true;
      }
    }
    const endings = appends.filter(isEnding);
    if (endings.length === 0) return { verdicts: appends.map(() => 'disk-full'), flushMs: 0 };
    const { verdicts, flushMs } = this.writer.write(endings);
    const written = verdicts.values();
    return {
      verdicts: appends.map((append) => (isEnding(append) ? written.next().value! : 'disk-full')),
      flushMs,
    };
  }
}

function isEnding({ events }: EncodedAppend): boolean {
  return events.length > 0 && events.every(({ type }) => ENDINGS.includes(type));
}
