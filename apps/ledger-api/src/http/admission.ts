import { Failed } from './answer.js';

/**
 * Twice what keeps a node busy. More at once would not be done sooner, only waited for longer; fewer would
 * leave a slow disk too few writes to flush together (docs/performance.md, line `overload`).
 */
export const REQUESTS_MAX = 128;
/** What is urgent finds room for as many times as many, beside the others. */
const URGENT_SHARE = 16;
const RETRY_AFTER_SECONDS = 1;
/** Refusals are work, too: who repeats at once, and does not wait as told, must not make all of it. */
const REFUSED_AFTER_MS = 250;

/** Answers that go on for as long as their reader likes have bounds of their own; probes must always answer. */
const UNCOUNTED: readonly string[] = [
  ...['/v1/events', '/v1/invalidations', '/metrics'],
  ...['/health/live', '/health/ready', '/health/startup'],
];
/** Judging credentials, for gateways that hold up a request meanwhile. */
const JUDGING: readonly string[] = [
  ...['/v1/verify', '/v1/verify/batch', '/v1/quota/consume', '/v1/introspect'],
  ...['/v1/quota/leases', '/internal/authorize'],
];
const JUDGING_FORM = /^\/api\/v1\/|^\/v1\/quota\/leases\/[^/]+\/return$/;
/** Whoever ends a credential must not have to wait for those who list them. */
const ENDED_BY_DELETE = /\/(?:api-keys|personal-tokens)\//;

/** How much a request matters when there is room for some only. */
export type Urgency = 'uncounted' | 'urgent' | 'ordinary';

export function urgencyOf(method: string, url: string): Urgency {
  const path = pathOf(url);
  if (UNCOUNTED.includes(path)) return 'uncounted';
  if (JUDGING.includes(path) || JUDGING_FORM.test(path)) return 'urgent';
  const ends = path.endsWith('/revoke') || (method === 'DELETE' && ENDED_BY_DELETE.test(path));
  return ends ? 'urgent' : 'ordinary';
}

/** As the router reads it. */
function pathOf(url: string): string {
  const path = url.split('?', 1)[0]!;
  if (!path.includes('%')) return path;
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

/**
 * Bounds how many requests are under way at once (O1). What comes on top is refused before any work is done
 * for it, with 503 `OVERLOADED` and Retry-After; so those that are let in are answered in time. Judging
 * credentials and ending them have room of their own: they still pass while lists and creates are refused.
 */
export class Admission {
  readonly #max: Readonly<Record<Urgency, number>>;
  readonly #onShed: () => void;
  readonly #underWay: Record<Urgency, number> = { uncounted: 0, urgent: 0, ordinary: 0 };

  constructor(options: { readonly requestsMax?: number; readonly onShed?: () => void } = {}) {
    const { requestsMax: ordinary = REQUESTS_MAX, onShed = () => undefined } = options;
    this.#max = { uncounted: Infinity, urgent: ordinary * URGENT_SHARE, ordinary };
    this.#onShed = onShed;
  }

  /** Whether there is room for one more, which is then to be let out by `leave`. */
  enter(urgency: Urgency): boolean {
    if (this.#underWay[urgency] >= this.#max[urgency]) return false;
    this.#underWay[urgency] += 1;
    return true;
  }

  leave(urgency: Urgency): void {
    this.#underWay[urgency] -= 1;
  }

  /** For who was not let in. `answer` is called a little later, and costs nothing until then. */
  refuse(answer: (error: Failed) => void): void {
    this.#onShed();
    setTimeout(() => answer(overloaded()), REFUSED_AFTER_MS);
  }
}

function overloaded(): Failed {
  return new Failed({
    kind: 'unavailable',
    code: 'OVERLOADED',
    message: 'The service has more to do than it can. Nothing was done; repeat the request.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
