import type { OrgId, Timestamp } from './primitives.js';

/**
 * An operator decided that the ledger goes on although one event of its log cannot be applied (decision 4). What
 * its stream is about is not known from there on, and no credential of it is accepted any more. Lives in
 * `skipped-events`.
 */
export interface EventSkipped {
  readonly type: 'EventSkipped';
  /** Where the event lies: its place in the log, in decimal, its stream, and its revision there. */
  readonly position: string;
  readonly streamId: string;
  readonly revision: number;
  /** Whose stream it is, as far as that is known. */
  readonly orgId: OrgId | null;
  /** Why the operator goes on without it. */
  readonly reason: string;
  /** Who decided, in their own words: nobody can be authenticated while the read models stand still. */
  readonly by: string;
  readonly occurredAt: Timestamp;
}

/** Whose stream it is when that is one of these kinds: the id in its name. */
export function subjectOfStream(kind: 'token' | 'user' | 'org', streamId: string): string | null {
  return streamId.startsWith(`${kind}-`) ? streamId.slice(kind.length + 1) : null;
}
