/** An HTTP answer, complete: what a dialect says to a request that it refuses. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object | null;
}

/** Thrown by guards and controllers of a dialect to answer with a refusal in the dialect's own words. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(readonly answer: Answer) {
    super(`refused with ${answer.status}`);
  }
}

/** What can go wrong with a request in every dialect alike; each says it in its own shape. */
export type HttpFailure =
  | { readonly kind: 'route-not-found' }
  | { readonly kind: 'method-not-allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'payload-too-large' }
  /** What came is no HTTP request, or one that can be read in two ways. */
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'head-too-large' }
  /** The request did not arrive in the time that it has. */
  | { readonly kind: 'too-slow' }
  | { readonly kind: 'unsupported-media-type'; readonly message: string }
  | {
      readonly kind: 'unavailable';
      readonly code: 'CONTENTION' | 'STORE_UNAVAILABLE' | 'BEHIND' | 'OVERLOADED';
      readonly message: string;
      readonly retryAfterSeconds: number;
    }
  | { readonly kind: 'internal' };

/** A failure that some layer below the dialects found; the dialect of the route answers it. */
export class Failed extends Error {
  override readonly name = 'Failed';

  constructor(readonly failure: HttpFailure) {
    super(failure.kind);
  }
}

/** How one dialect answers the failures that are common to all, for the paths that are its own. */
export interface DialectFailures {
  readonly prefix: string;
  answer(failure: HttpFailure, requestId: string): Answer;
}
