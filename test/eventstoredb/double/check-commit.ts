/** What the caller of an append demands of the stream; a number is the revision of its last event. */
export type Expected = 'any' | 'no-stream' | 'stream-exists' | bigint;

export interface CommitQuestion {
  readonly expected: Expected;
  /** Revision of the last event, -1 for none. */
  readonly current: bigint;
  readonly ids: readonly string[];
  readonly isSoftDeleted: boolean;
  readonly hasMetadata: boolean;
  readonly idAt: (revision: bigint) => string | undefined;
  /** Where the stream holds the event of this id. */
  readonly revisionOf: (id: string) => bigint | undefined;
}

export type CommitCheck =
  | { readonly kind: 'write' }
  | { readonly kind: 'wrong-version' }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'idempotent'; readonly lastRevision: bigint };

const WRITE: CommitCheck = { kind: 'write' };
const WRONG: CommitCheck = { kind: 'wrong-version' };
const DELETED_STREAM = 9_223_372_036_854_775_807n;

/**
 * Decides an append as the server does: an explicit revision is compared, and where the stream is further on,
 * the ids that lie there say whether this is a repeat. Content is never compared.
 */
export function checkCommit(question: CommitQuestion): CommitCheck {
  const { expected, current, isSoftDeleted, hasMetadata } = question;
  if (current === DELETED_STREAM) return { kind: 'deleted' };
  if (expected === 'any') return repeatAnywhere(question);
  if (expected === 'stream-exists') {
    if (isSoftDeleted) return { kind: 'deleted' };
    return current < 0n && !hasMetadata ? WRONG : repeatAnywhere(question);
  }
  const revision = expected === 'no-stream' ? -1n : expected;
  if (revision > current) return WRONG;
  return revision === current ? WRITE : repeatAfter(revision, question);
}

/** Without a revision only the ids can tell, and a partial match is refused. */
function repeatAnywhere({ ids, revisionOf }: CommitQuestion): CommitCheck {
  const revisions = ids.map(revisionOf);
  const last = revisions.at(-1);
  if (revisions[0] === undefined) return WRITE;
  return last === undefined || revisions.includes(undefined)
    ? WRONG
    : { kind: 'idempotent', lastRevision: last };
}

function repeatAfter(revision: bigint, question: CommitQuestion): CommitCheck {
  const { ids, idAt, expected, isSoftDeleted } = question;
  const strange = ids.findIndex((id, index) => idAt(revision + 1n + BigInt(index)) !== id);
  if (strange < 0) return { kind: 'idempotent', lastRevision: revision + BigInt(ids.length) };
  return strange === 0 && expected === 'no-stream' && isSoftDeleted ? WRITE : WRONG;
}
