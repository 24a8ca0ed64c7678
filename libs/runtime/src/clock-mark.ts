import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { Clock } from '@ledger/commands';
import { timestamp, type Timestamp } from '@ledger/domain';

const { O_CREAT, O_RDWR } = constants;
const MARK_FILE = 'ledger.clock';
/** What a clock set back can take back at most, once the process was killed. */
const WRITE_EVERY_MS = 1_000;

/**
 * Remembers on disk how far time has come in this ledger, so that a deadline that passed before the process
 * ended stays passed, even if the machine's clock is set back while it is down (X3).
 *
 * The file holds one instant, written over every second and not flushed: a kill takes back a second at most,
 * a power cut what the system had not written yet. Without the file time goes on from the newest event.
 */
export class ClockMark {
  readonly #logger = new Logger(ClockMark.name);
  readonly #timer: NodeJS.Timeout;
  #failed = false;
  #isClosed = false;

  private constructor(
    private readonly descriptor: number,
    private readonly clock: Clock,
  ) {
    this.#write();
    this.#timer = setInterval(() => this.#write(), WRITE_EVERY_MS).unref();
  }

  /** The newest instant that was remembered; undefined when there is none that can be read. */
  static read(directory: string): Timestamp | undefined {
    try {
      const ms = Date.parse(readFileSync(join(directory, MARK_FILE), 'utf8').trim());
      return Number.isNaN(ms) ? undefined : timestamp(ms);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Remembers the time of a clock from now on, until it is closed. */
  static keep(directory: string, clock: Clock): ClockMark {
    return new ClockMark(openSync(join(directory, MARK_FILE), O_RDWR | O_CREAT, 0o600), clock);
  }

  /** Safe to repeat. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#write();
    closeSync(this.descriptor);
  }

  /** All instants are as long as one another, so each covers the one before. */
  #write(): void {
    try {
      writeSync(this.descriptor, `${this.clock.now()}\n`, 0);
      this.#failed = false;
    } catch (error) {
      // Told once. The ledger goes on: its events still hold time where they are.
      if (!this.#failed) this.#logger.warn(`the time cannot be remembered: ${String(error)}`);
      this.#failed = true;
    }
  }
}
