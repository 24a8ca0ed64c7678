import fc from 'fast-check';
import type { Authority } from './authority.js';
import type { SecretId, Timestamp } from './primitives.js';
import { SOCKET_SCOPES } from './socket-scopes.js';
import {
  admin,
  at,
  attributes,
  createToken,
  fold,
  knownToken,
  member,
  memberId,
  revokeToken,
  rotateToken,
  secretOf,
  stranger,
  system,
  tokenAuthority,
  tokenCreated,
  updateToken,
  type TokenAuthority,
} from './testing/index.js';
import type { TokenCommand } from './token-commands.js';
import {
  changedAttribute,
  isAttributeChange,
  type Dialect,
  type ResourceGrant,
  type TokenAttributes,
  type TokenEvent,
} from './token-events.js';
import { decide, evolve, noToken, statusAt, type KnownToken, type Token } from './token.js';
import { judge } from './verification.js';

// One seed, so that a run is the same everywhere; a failure prints it with the smallest counterexample.
const RUN = { seed: 20_260_115, numRuns: 700 };

const MINUTES_MAX = 60;

type Power = Pick<TokenAttributes, 'scopes' | 'resources' | 'maxQuota'>;

/** One accepted or refused command of a random run, with all that a law may want to look at. */
interface Step {
  readonly before: Token;
  readonly command: TokenCommand;
  readonly authority: Authority;
  readonly decision: ReturnType<typeof decide>;
  readonly after: Token;
}

const scopesOf: Record<Dialect, readonly string[]> = {
  native: ['a', 'a:b', 'a:b:c', 'a:x', 'a-b', 'z', '*', 'ledger', 'ledger:tokens:read'],
  socket: ['report', 'report:list', 'report:read', 'report:write', 'repo', 'repo:list', '*'],
  socmate: ['investigations:read', 'investigations:write', 'incidents:read', 'search:read'],
};
const organizations = ['acme', 'globex'];
const repositories = ['', 'api', 'web'];
const workspaces = ['', 'team'];

// Plain objects, as a request or a stored event would give.
const PLAIN = { noNullPrototype: true };

const grant: fc.Arbitrary<ResourceGrant> = fc.record(
  {
    organization: fc.constantFrom(...organizations),
    repository: fc.constantFrom(...repositories),
    workspace: fc.constantFrom(...workspaces),
  },
  PLAIN,
);
const quota = fc.constantFrom(null, 0, 5, 10, 11);
const power = (dialect: Dialect): fc.Arbitrary<Power> =>
  fc.record({
    scopes: fc.subarray([...scopesOf[dialect]], { maxLength: 4 }),
    resources: fc.array(grant, { maxLength: 2 }),
    maxQuota: quota,
  });
const minute = fc.nat(MINUTES_MAX).map(at);
const expiry = fc.option(minute, { freq: 2 });

/** Also tokens that are as strong as what they act on, and a little stronger or weaker. */
const authority = (dialect: Dialect) =>
  fc.oneof(
    fc.constantFrom<Authority>(admin, admin, system, member, stranger),
    power(dialect).map((held): Authority => tokenAuthority(held)),
    fc.constantFrom<Authority>(
      tokenAuthority({ scopes: [...scopesOf[dialect]], maxQuota: null }),
      tokenAuthority({ scopes: ['*'], maxQuota: 10 }),
      tokenAuthority({ scopes: scopesOf[dialect].filter((scope) => scope !== '*') }),
    ),
  );

const chosen = (dialect: Dialect) =>
  fc.record(
    {
      name: fc.constantFrom('ci', 'deploy'),
      scopes: fc.subarray([...scopesOf[dialect]], { maxLength: 3 }),
      resources: fc.array(grant, { maxLength: 1 }),
      maxQuota: quota,
      expiresAt: expiry,
    },
    { requiredKeys: [], ...PLAIN },
  );

const command = (dialect: Dialect) =>
  fc.oneof(
    { weight: 4, arbitrary: chosen(dialect).map((changes) => updateToken(changes)) },
    {
      weight: 6,
      arbitrary: fc
        .record({
          graceMs: fc.constantFrom(0, 60_000, 10 * 60_000, 30 * 60_000),
          closePrevious: fc.boolean(),
          expiresAt: fc.option(expiry, { nil: undefined }),
        })
        .map(({ expiresAt, ...asked }) =>
          rotateToken({ ...asked, ...(expiresAt === undefined ? {} : { expiresAt }) }),
        ),
    },
    { weight: 1, arbitrary: fc.constant(revokeToken()) },
  );

interface Plan {
  readonly dialect: Dialect;
  readonly creation: { readonly authority: Authority; readonly attributes: TokenAttributes };
  readonly calls: readonly {
    readonly authority: Authority;
    readonly command: TokenCommand;
    readonly now: Timestamp;
  }[];
}

const plan: fc.Arbitrary<Plan> = fc
  .constantFrom<Dialect>('native', 'native', 'socket')
  .chain((dialect) =>
    fc.record({
      dialect: fc.constant(dialect),
      creation: fc.record({
        authority: authority(dialect),
        attributes: chosen(dialect).map((some) => ({ ...attributes, ...some })),
      }),
      // The clock goes forth and back from call to call.
      calls: fc.array(
        fc.record({ authority: authority(dialect), command: command(dialect), now: minute }),
        { maxLength: 16 },
      ),
    }),
  );

/** Plays a plan as the write path would: decide on the fold of what was accepted so far. */
function play({ dialect, creation, calls }: Plan): { steps: Step[]; history: TokenEvent[] } {
  const steps: Step[] = [];
  const history: TokenEvent[] = [];
  let state: Token = noToken;
  const issue = (asked: TokenCommand, by: Authority) => {
    const before = state;
    const decision = decide(before, asked, by);
    if (decision.outcome === 'accepted') {
      history.push(...decision.events);
      state = decision.events.reduce(evolve, before);
    }
    steps.push({ before, command: asked, authority: by, decision, after: state });
  };

  issue(createToken(creation.attributes, { dialect, now: at(0) }), creation.authority);
  // A token that was refused would leave nothing to play with.
  if (history.length === 0) issue(createToken(creation.attributes, { dialect }), admin);
  calls.forEach(({ authority: by, command: asked, now }, index) => {
    const secret = secretOf(index + 2);
    issue(asked.type === 'RotateToken' ? { ...asked, secret, now } : { ...asked, now }, by);
  });
  return { steps, history };
}

/** When each secret of a history stops being good for anything: read off the facts, without the fold. */
function deadlines(history: readonly TokenEvent[]): Map<SecretId, Timestamp> {
  const NEVER = '9999-12-31T23:59:59.999Z' as Timestamp;
  const ends = new Map<SecretId, Timestamp>();
  const earlier = (a: Timestamp, b: Timestamp) => (a < b ? a : b);
  for (const event of history) {
    if (event.type === 'TokenCreated') ends.set(event.secret.secretId, NEVER);
    if (event.type === 'TokenRevoked') {
      for (const [id, end] of ends) ends.set(id, earlier(end, event.occurredAt));
    }
    if (event.type !== 'TokenRotated') continue;
    for (const [id, end] of ends) {
      const until = id === event.fromSecretId ? event.previousValidUntil : null;
      ends.set(id, earlier(end, until ?? event.occurredAt));
    }
    ends.set(event.secret.secretId, NEVER);
  }
  return ends;
}

/** The secrets that a verification accepts at an instant, judged from the fold. */
function livingSecrets(token: Token, now: Timestamp): SecretId[] {
  if (token.status === 'absent') return [];
  const { current, previous } = token.secrets;
  const ring = [{ secretId: current.secretId, validUntil: null }, ...(previous ? [previous] : [])];
  const use = { scopes: [], resource: token.resources[0] ?? null, ownOrganization: 'acme' };
  const verifiable = { ...token, revoked: token.status === 'revoked' };
  return ring
    .filter((secret) => judge(verifiable, secret, use, now) === 'VALID')
    .map(({ secretId }) => secretId);
}

const everyMinute = Array.from({ length: MINUTES_MAX + 15 }, (_, minutes) => at(minutes));

/**
 * Dominance read as inclusion of sets of single acts, an oracle of its own. Each set also holds acts that
 * no catalogue names yet, so that what is open to the future is never covered by a list of today.
 */
function actsOf(scopes: readonly string[], dialect: Dialect): Set<string> {
  const leaves =
    dialect === 'socket'
      ? SOCKET_SCOPES.filter((scope) => scope.includes(':'))
      : ['a', 'a:b', 'a:b:c', 'a:x', 'a-b', 'z', 'ledger', 'ledger:tokens:read'].flatMap(
          (scope) => [scope, `${scope}:unnamed`],
        );
  const isLedger = (act: string) => act.split(':')[0] === 'ledger';
  return new Set(
    scopes.flatMap((scope) =>
      scope === '*'
        ? ['anything new', ...leaves.filter((leaf) => !isLedger(leaf))]
        : leaves.filter((leaf) => `${leaf}:`.startsWith(`${scope}:`)),
    ),
  );
}

function placesOf(resources: readonly ResourceGrant[]): Set<string> {
  const parts = (limit: string, known: readonly string[]) =>
    limit === '' ? [...known.filter((part) => part !== ''), 'unnamed', ''] : [limit];
  if (resources.length === 0) return placesOf([...organizations, 'unnamed'].map(wholeOf));
  return new Set(
    resources.flatMap(({ organization, repository, workspace }) =>
      parts(repository, repositories).flatMap((repo) =>
        parts(workspace, workspaces).map((space) => `${organization}/${repo}/${space}`),
      ),
    ),
  );
}

function wholeOf(organization: string): ResourceGrant {
  return { organization, repository: '', workspace: '' };
}

function isWithin<T>(part: Set<T>, whole: Set<T>): boolean {
  return [...part].every((element) => whole.has(element));
}

/** The codes of all that exceeds the holder, in order of precedence. */
function excess(given: readonly Power[], holder: TokenAuthority, dialect: Dialect): string[] {
  const held = { acts: actsOf(holder.scopes, dialect), places: placesOf(holder.resources) };
  const units = (maxQuota: number | null) => maxQuota ?? Infinity;
  return [
    given.every(({ scopes }) => isWithin(actsOf(scopes, dialect), held.acts)) || 'SCOPES_NOT_HELD',
    given.every(({ resources }) => isWithin(placesOf(resources), held.places)) ||
      'RESOURCES_NOT_HELD',
    given.every(({ maxQuota }) => units(maxQuota) <= units(holder.maxQuota)) || 'QUOTA_ABOVE_OWN',
  ].filter((code) => code !== true);
}

/** What a command would put into the hands of somebody. */
function handedOut({ before, command: asked }: Step): readonly Power[] {
  if (asked.type === 'CreateToken') return [asked.attributes];
  if (before.status === 'absent' || asked.type === 'RevokeToken' || asked.type === 'CloseGrace') {
    return [];
  }
  if (asked.type === 'RotateToken') return [before];
  const becomes = { ...before, ...asked.changes };
  const raised = becomes.maxQuota === before.maxQuota ? 0 : becomes.maxQuota;
  return [
    { ...before, maxQuota: 0 },
    { ...becomes, maxQuota: raised },
  ];
}

describe('for every sequence of commands, whoever gives them and whatever the clock does', () => {
  /** Checks a law on each plan. Answers how often it came to something worth checking. */
  function check(law: (played: ReturnType<typeof play>) => number): number {
    let checked = 0;
    fc.assert(
      fc.property(plan, (drawn) => {
        checked += law(play(drawn));
      }),
      RUN,
    );
    return checked;
  }

  it('a revoked token never becomes active again, and no fact follows', () => {
    const checked = check(({ steps, history }) => {
      const revokedAt = history.findIndex(({ type }) => type === 'TokenRevoked');
      if (revokedAt === -1) return 0;
      expect(revokedAt).toBe(history.length - 1);
      const revoked = steps.findIndex(({ after }) => (after as KnownToken).status === 'revoked');
      for (const { after } of steps.slice(revoked)) {
        expect(statusAt(after as KnownToken, at(-1000))).toBe('revoked');
        expect(livingSecrets(after, at(-1000))).toEqual([]);
      }
      return 1;
    });
    expect(checked).toBeGreaterThan(100);
  });

  it('at most two secrets live, the newest among them, and none past its deadline', () => {
    const checked = check(({ history }) => {
      const token = knownToken(...history);
      const ends = deadlines(history);
      let pairs = 0;
      const newest = [...ends.keys()].at(-1);
      // Compared as text: a million calls of expect would take longer than all other tests together.
      const wrong = everyMinute.filter((now) => {
        if (now < token.lastAt) return false;
        const living = livingSecrets(token, now);
        if (living.length === 2) pairs += 1;
        const isOver = statusAt(token, now) !== 'active';
        const expected = [...ends].filter(([, end]) => !isOver && now < end).map(([id]) => id);
        return (
          living.length > 2 ||
          (living.length > 0 && living[0] !== newest) ||
          [...living].sort().join() !== expected.sort().join()
        );
      });
      expect(wrong).toEqual([]);
      return pairs;
    });
    expect(checked).toBeGreaterThan(100);
  });

  it('a grace ends no later than the expiry that the old secret was given', () => {
    const checked = check(({ steps }) => {
      let graces = 0;
      for (const { before, decision } of steps) {
        if (decision.outcome === 'rejected') continue;
        for (const event of decision.events) {
          if (event.type !== 'TokenRotated' || event.previousValidUntil === null) continue;
          const { expiresAt } = before as KnownToken;
          expect(event.previousValidUntil > event.occurredAt).toBe(true);
          expect(expiresAt === null || event.previousValidUntil <= expiresAt).toBe(true);
          if (expiresAt !== null) graces += 1;
        }
      }
      return graces;
    });
    expect(checked).toBeGreaterThan(25);
  });

  it('folding the history again gives the state that was decided on, and changes no fact', () => {
    const checked = check(({ steps, history }) => {
      const written = JSON.stringify(history);
      const live = steps.at(-1)!.after;
      expect(fold(...history)).toStrictEqual(live);
      expect(fold(...(JSON.parse(written) as TokenEvent[]))).toStrictEqual(live);
      expect(JSON.stringify(history)).toBe(written);
      return history.length - 1;
    });
    expect(checked).toBeGreaterThan(1000);
  });

  it('event times never run backwards, and the revision counts the events', () => {
    const checked = check(({ steps, history }) => {
      const times = history.map(({ occurredAt }) => occurredAt);
      expect([...times].sort()).toEqual(times);
      expect((steps.at(-1)!.after as KnownToken).revision).toBe(history.length);
      return history.length - 1;
    });
    expect(checked).toBeGreaterThan(1000);
  });

  it('an update changes what was asked and nothing else, by facts that say from what to what', () => {
    const checked = check(({ steps }) => {
      let changes = 0;
      for (const { before, command: asked, decision, after } of steps) {
        if (decision.outcome === 'rejected' || asked.type !== 'UpdateToken') continue;
        const events = decision.events.filter(isAttributeChange);
        const { revision, lastAt } = after as KnownToken;
        expect(after).toStrictEqual({ ...before, ...asked.changes, revision, lastAt });
        for (const { type, from, to } of events) {
          expect(JSON.stringify(from)).not.toBe(JSON.stringify(to));
          expect(from).toBe((before as KnownToken)[changedAttribute(type)!]);
        }
        expect(new Set(events.map(({ type }) => type)).size).toBe(decision.events.length);
        changes += events.length;
      }
      return changes;
    });
    expect(checked).toBeGreaterThan(500);
  });

  it('what a token hands out is within what it holds, and what is within is not refused', () => {
    const seen = { accepted: 0, SCOPES_NOT_HELD: 0, RESOURCES_NOT_HELD: 0, QUOTA_ABOVE_OWN: 0 };
    const judged = Object.keys(seen);
    check(({ steps }) => {
      for (const step of steps) {
        const { authority: by, command: asked, decision, after } = step;
        if (by.kind !== 'token' || asked.type === 'RevokeToken') continue;
        const verdict = decision.outcome === 'accepted' ? 'accepted' : decision.rejection.code;
        if (!judged.includes(verdict)) continue;
        const dialect =
          asked.type === 'CreateToken' ? asked.dialect : (after as KnownToken).dialect;
        const [first] = excess(handedOut(step), by, dialect);
        expect(verdict).toBe(first ?? 'accepted');
        seen[verdict as keyof typeof seen] += 1;
      }
      return 0;
    });
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(100);
  });

  it('a member or an outsider changes nothing about what somebody else created', () => {
    const checked = check(({ steps }) => {
      const refused = steps.filter(({ authority: by }) => by === member || by === stranger);
      for (const { authority, decision } of refused) {
        const code = authority === member ? 'FORBIDDEN' : 'ORGANIZATION_NOT_FOUND';
        expect(decision).toMatchObject({ outcome: 'rejected', rejection: { code } });
      }
      return refused.length;
    });
    expect(checked).toBeGreaterThan(100);
  });

  it('a member never makes an own token stronger than it was', () => {
    let accepted = 0;
    const starting = power('native').map((held) => ({ ...attributes, ...held }));
    fc.assert(
      fc.property(starting, fc.array(chosen('native'), { maxLength: 8 }), (held, wishes) => {
        const own = tokenAuthority(held);
        let state = fold(tokenCreated({ ...held, createdByUserId: memberId }));
        for (const wish of wishes) {
          const decision = decide(state, updateToken(wish), member);
          if (decision.outcome === 'rejected') continue;
          state = decision.events.reduce(evolve, state);
          expect(excess([state as KnownToken], own, 'native')).toEqual([]);
          accepted += decision.events.length;
        }
      }),
      RUN,
    );
    expect(accepted).toBeGreaterThan(500);
  });
});
