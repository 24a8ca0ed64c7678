/** Kinds of names that answers hand out and later requests ask for. */
export type Kind =
  | 'org'
  | 'user'
  | 'token'
  | 'secretId'
  | 'personalToken'
  | 'secret'
  | 'cursor'
  | 'etag'
  | 'revocation'
  | 'lease';

const KEPT_MAX = 40;

/** What the answers so far have named, newest last: so that requests follow one another as a client's do. */
export class KnownNames {
  readonly #names = new Map<Kind, string[]>();

  add(kind: Kind, name: unknown): void {
    if (typeof name !== 'string' || name === '') return;
    const names = this.#names.get(kind) ?? [];
    this.#names.set(kind, names);
    if (names.includes(name)) return;
    names.push(name);
    if (names.length > KEPT_MAX) names.shift();
  }

  /** One of the newest, more often than one of the older. */
  pick(kind: Kind, choice: number): string | undefined {
    const names = this.#names.get(kind) ?? [];
    const age = Math.floor(((choice % 97) ** 2 / 97 ** 2) * names.length);
    return names[names.length - 1 - age];
  }

  /** Takes whatever an answer names. What lies below another thing is kept with its owner, behind a space. */
  learn(path: string, body: unknown, etag: string | null): void {
    const [, , , owner = '', , token = '', last] = path.split('/');
    this.add('etag', etag);
    for (const item of itemsOf(body)) {
      const { id, secret, userId, slug, nextCursor, validUntil, revocationId, leaseId } = item;
      this.add('revocation', revocationId);
      this.add('lease', leaseId);
      this.add('secret', secret);
      this.add('cursor', nextCursor);
      this.add('user', userId);
      this.add('org', slug);
      if (path.endsWith('/tokens')) this.add('token', id);
      if (path.startsWith('/v1/users') && last === undefined && owner === '') this.add('user', id);
      if (typeof id !== 'string') continue;
      // The old one of two: ending the current one is always refused.
      if (last === 'secrets' && validUntil !== null) this.add('secretId', `${token} ${id}`);
      if (path.endsWith('/personal-tokens')) this.add('personalToken', `${owner} ${id}`);
    }
  }
}

function itemsOf(body: unknown): readonly Record<string, unknown>[] {
  if (typeof body !== 'object' || body === null) return [];
  const { items, token, user } = body as Record<string, unknown>;
  return [body, items, token, user]
    .flat()
    .filter((each): each is Record<string, unknown> => typeof each === 'object' && each !== null);
}
