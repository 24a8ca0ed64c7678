import type { Decision, Quota, Requirement, TokenIdentity } from '@ledger/gateway-cache';

/** An answer to the proxy. */
export interface Answer {
  readonly status: 200 | 400 | 401 | 403 | 429 | 500 | 503;
  /** For the metrics. */
  readonly outcome: Outcome;
  /** Names and values in turn, as node:http writes them fastest. */
  readonly headers: readonly string[];
  readonly body: string;
}

export const OUTCOMES = [
  ...(['allowed', 'public', 'no_credential', 'invalid_token', 'bad_request'] as const),
  ...(['no_route', 'insufficient_scope', 'resource_not_allowed'] as const),
  ...(['quota_exceeded', 'unavailable', 'bug'] as const),
] as const;

export type Outcome = (typeof OUTCOMES)[number];

type Headers = Record<string, string>;

const COMMON = { 'cache-control': 'no-store' };

/** What is said to each decision. Whatever can be is written once and given out again. */
export class Answers {
  readonly #allowed = new WeakMap<TokenIdentity, Readonly<Headers>>();
  readonly #whole = new WeakMap<Decision, Answer>();
  readonly #scopeChallenges = new WeakMap<Requirement, Answer>();
  readonly #realm: string;

  readonly isPublic = success('public', COMMON);
  readonly noRoute = refusal(403, 'no_route', 'NO_SUCH_ROUTE', 'No route of this gateway fits.');
  readonly badPath = refusal(
    400,
    'bad_request',
    'AMBIGUOUS_PATH',
    'The path can be read in two ways.',
  );
  readonly noCall = refusal(
    ...([400, 'bad_request', 'NO_FORWARDED_CALL'] as const),
    'The proxy does not say which method and path it asks about.',
  );
  readonly bug = refusal(500, 'bug', 'BUG', 'This is a bug of the gateway.');
  readonly noCredential: Answer;
  readonly invalidToken: Answer;
  readonly severalCredentials: Answer;
  readonly resourceNotAllowed: Answer;

  /** @param realm Of challenges; holds no quotes. @param wallMs The time, for what is left of a window. */
  constructor(
    realm: string,
    private readonly wallMs: () => number,
  ) {
    this.#realm = `Bearer realm="${realm}"`;
    const challenge = (text: string): Headers => ({ 'www-authenticate': this.#realm + text });
    // Nothing was presented, so nothing is said about it (RFC 6750, section 3.1).
    this.noCredential = refusal(
      ...([401, 'no_credential', 'UNAUTHENTICATED', 'A token is needed.'] as const),
      challenge(''),
    );
    this.invalidToken = refusal(
      ...([401, 'invalid_token', 'UNAUTHENTICATED', 'The token is not valid.'] as const),
      challenge(', error="invalid_token"'),
    );
    this.severalCredentials = refusal(
      ...([400, 'bad_request', 'SEVERAL_CREDENTIALS', 'Send one credential, once.'] as const),
      challenge(', error="invalid_request"'),
    );
    this.resourceNotAllowed = refusal(
      ...([403, 'resource_not_allowed', 'RESOURCE_NOT_ALLOWED'] as const),
      'The token is not good for this resource.',
      challenge(', error="insufficient_scope"'),
    );
  }

  of(decision: Decision, required: Requirement): Answer {
    switch (decision.outcome) {
      case 'allow':
        return this.#allow(decision);
      case 'unauthenticated':
        return this.invalidToken;
      case 'forbidden':
        return decision.lacks === 'resource' ? this.resourceNotAllowed : this.#lacksScope(required);
      case 'quota-exceeded':
        return this.#quotaExceeded(decision);
      case 'unavailable':
        return refusal(
          ...([503, 'unavailable', 'UNAVAILABLE', 'Tokens cannot be checked right now.'] as const),
          { 'retry-after': String(Math.max(1, decision.retryAfterSeconds)) },
        );
    }
  }

  #allow(decision: Decision & { readonly outcome: 'allow' }): Answer {
    let answer = this.#whole.get(decision);
    if (answer) return answer;
    const { identity, quota } = decision;
    let headers = this.#allowed.get(identity);
    if (!headers) this.#allowed.set(identity, (headers = identityHeaders(identity)));
    if (typeof quota?.remaining === 'number') {
      headers = { ...headers, 'x-token-quota-remaining': String(quota.remaining) };
    }
    answer = success('allowed', headers);
    this.#whole.set(decision, answer);
    return answer;
  }

  #lacksScope(required: Requirement): Answer {
    let answer = this.#scopeChallenges.get(required);
    if (!answer) {
      const scope = required.question.scopes.join(' ');
      answer = refusal(
        ...([403, 'insufficient_scope', 'INSUFFICIENT_SCOPE'] as const),
        'The token does not hold the scopes of this route.',
        { 'www-authenticate': `${this.#realm}, error="insufficient_scope", scope="${scope}"` },
      );
      this.#scopeChallenges.set(required, answer);
    }
    return answer;
  }

  #quotaExceeded({ quota, retryAfterSeconds }: Decision & { outcome: 'quota-exceeded' }): Answer {
    const left = quota ? secondsUntil(quota, this.wallMs()) : 1;
    const limits: Headers =
      typeof quota?.limit === 'number'
        ? {
            'ratelimit-policy': `"quota";q=${quota.limit}`,
            ratelimit: `"quota";r=${quota.remaining ?? 0};t=${left}`,
          }
        : {};
    return refusal(
      429,
      'quota_exceeded',
      'QUOTA_EXCEEDED',
      'The quota of this window is used up.',
      {
        ...limits,
        'retry-after': String(retryAfterSeconds ?? left),
      },
    );
  }
}

function secondsUntil({ resetAt }: Quota, nowMs: number): number {
  return Math.max(1, Math.ceil((Date.parse(resetAt) - nowMs) / 1000));
}

function refusal(
  status: Exclude<Answer['status'], 200>,
  outcome: Outcome,
  code: string,
  detail: string,
  headers: Headers = {},
): Answer {
  const body = JSON.stringify({ type: 'about:blank', title: detail, status, code });
  const type = { 'content-type': 'application/problem+json' };
  return { status, outcome, headers: listed({ ...COMMON, ...type, ...headers }, body), body };
}

function success(outcome: Outcome, headers: Readonly<Headers>): Answer {
  return { status: 200, outcome, headers: listed(headers, ''), body: '' };
}

/** All texts here are ASCII, so that their length is that of their bytes. */
function listed(headers: Readonly<Headers>, body: string): readonly string[] {
  return [...Object.entries(headers).flat(), 'content-length', String(body.length)];
}

/** Who calls, for the service behind. The proxy must remove headers of these names that a client sent. */
function identityHeaders(identity: TokenIdentity): Headers {
  const { tokenId, orgId, name, scopes, ownerId } = identity;
  return {
    ...COMMON,
    'x-token-id': headerText(tokenId),
    'x-token-org': headerText(orgId),
    'x-token-name': headerText(name),
    'x-token-scopes': scopes.map(headerText).join(' '),
    ...(ownerId === null ? {} : { 'x-token-owner': headerText(ownerId) }),
  };
}

/** Percent-encoded where it is not plain ASCII, so that no name can end a header or begin another. */
function headerText(text: string): string {
  // By way of bytes, since half a character cannot be encoded.
  return text.replace(/[^\x21-\x24\x26-\x7e]/gu, (character) =>
    encodeURIComponent(Buffer.from(character).toString()),
  );
}
