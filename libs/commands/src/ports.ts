import type { Timestamp } from '@ledger/domain';
import type { Position } from '@ledger/event-store';

/** The time of this process. Never runs backwards, so no jump of the machine's clock revives a secret (X3). */
export abstract class Clock {
  abstract now(): Timestamp;
}

/** How far this process's own read models have come. `runtime` binds the projector to it. */
export abstract class ReadModelProgress {
  /**
   * Resolves true once every local read model holds `position`, false after `timeoutMs`: the fact is durable, so
   * a slow view must not look like a failed write.
   *
   * @throws StoreUnavailable When the store falls silent meanwhile, so that nothing can arrive: a change to
   *   credentials is then not confirmed, for a node that has confirmed it may judge none until it knows of it.
   */
  abstract reached(position: Position, timeoutMs: number): Promise<boolean>;
}

/** How long an answer waits for the read models of its own node (decision 2). */
export const READ_YOUR_WRITES_MS_MAX = 2000;

/** Whoever asked went away before their turn came, so nothing was appended (503). Safe to repeat. */
export class CallerGone extends Error {
  override readonly name = 'CallerGone';
}

/** Too many races in a row were lost for one stream. The caller may try again (503, decision 6). */
export class Contention extends Error {
  override readonly name = 'Contention';
  readonly code = 'CONTENTION';
}
