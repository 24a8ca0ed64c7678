import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import fc from 'fast-check';
import {
  CloseGraceCommand,
  CloseGraceHandler,
  CreateTokenCommand,
  CreateTokenHandler,
  parseCredential,
  RevokeTokenCommand,
  RevokeTokenHandler,
  RotateTokenCommand,
  RotateTokenHandler,
  systemContext,
  type Outcome,
} from '@ledger/commands';
import { judge, type KnownToken, type OrgId, type Token, type TokenEvent } from '@ledger/domain';
import { openInMemory, type Ledger } from '@ledger/runtime';
import { DAY_MS } from '../support/socmate-world.js';

// One seed, so that a run is the same everywhere; a failure prints it with the smallest counterexample.
const RUN = { seed: 20_260_327, numRuns: 600 };
const START_MS = Date.parse('2026-03-27T10:00:00.000Z');
const ORG = 'org-1' as OrgId;
const context = () => systemContext(randomUUID());

let machineMs = START_MS;
let ledger: Ledger;
let handlers: ReturnType<typeof handlersOf>;

// The real clock of the service, on a machine whose own clock is set forwards and backwards.
beforeAll(async () => {
  jest.spyOn(Date, 'now').mockImplementation(() => machineMs);
  ledger = await openInMemory({ windowLength: 'month', retryWindowMs: 0 });
  handlers = handlersOf(ledger);
});
afterAll(async () => {
  await ledger.close();
  jest.restoreAllMocks();
});

function handlersOf({ commands, clock }: Ledger) {
  return {
    create: new CreateTokenHandler(commands, clock),
    rotate: new RotateTokenHandler(commands, clock),
    disable: new RevokeTokenHandler(commands, clock),
    close: new CloseGraceHandler(commands, clock),
  };
}

type Step =
  | { readonly kind: 'rotate'; readonly graceDays: number; readonly expiresInDays: number | null }
  | { readonly kind: 'disable' | 'close' }
  | { readonly kind: 'clock'; readonly ms: number };

const days = fc.constantFrom(0, 1, 2, 7, 30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('rotate' as const),
      graceDays: days,
      expiresInDays: fc.option(fc.constantFrom(1, 3, 20), { freq: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'disable' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'close' as const }) },
  {
    weight: 7,
    arbitrary: fc
      .constantFrom(1, 1000, DAY_MS - 1, DAY_MS, 3 * DAY_MS, 8 * DAY_MS, -1000, -40 * DAY_MS)
      .map((ms) => ({ kind: 'clock' as const, ms })),
  },
);

/** What the rules say of one secret, kept apart from the code that is tested. */
interface Known {
  readonly secret: string;
  /** When it ends by itself; Infinity for never. A later rotation may bring it forward. */
  endsAt: number;
}

/** One key's life as the rules tell it, in plain milliseconds. */
class Model {
  readonly #secrets: Known[] = [];
  #expiresAt: number;
  disabled = false;

  constructor(first: string, expiresAt: number) {
    this.#secrets.push({ secret: first, endsAt: Infinity });
    this.#expiresAt = expiresAt;
  }

  rotated(secret: string, now: number, graceDays: number, expiresAt: number | null): void {
    const replaced = this.#secrets.at(-1)!;
    for (const each of this.#secrets) if (each !== replaced) each.endsAt = -Infinity;
    replaced.endsAt = Math.min(now + graceDays * DAY_MS, this.#expiresAt);
    this.#secrets.push({ secret, endsAt: Infinity });
    this.#expiresAt = expiresAt ?? this.#expiresAt;
  }

  closed(): void {
    for (const each of this.#secrets.slice(0, -1)) each.endsAt = -Infinity;
  }

  mayRotate(now: number, expiresAt: number | null): boolean {
    return !this.disabled && now < (expiresAt ?? this.#expiresAt);
  }

  living(now: number): readonly string[] {
    if (this.disabled || now >= this.#expiresAt) return [];
    return this.#secrets.filter(({ endsAt }) => now < endsAt).map(({ secret }) => secret);
  }

  get all(): readonly string[] {
    return this.#secrets.map(({ secret }) => secret);
  }
}

const nowMs = () => Date.parse(ledger.clock.now());
const instant = (ms: number) => new Date(ms).toISOString() as ReturnType<Ledger['clock']['now']>;

function stateOf(outcome: Outcome<Token, TokenEvent>): KnownToken | null {
  return outcome.outcome === 'accepted' ? (outcome.state as KnownToken) : null;
}

/** What the service takes for good right now, of every secret that the key ever had. */
function living(secrets: readonly string[]): readonly string[] {
  const use = { scopes: [], resource: null, ownOrganization: '' };
  return secrets.filter((secret) => {
    const found = ledger.credentials.find(parseCredential(secret)!);
    if (found?.kind !== 'token') throw new Error('a secret that was issued is never unknown');
    return judge(found.token, found.secret, use, ledger.clock.now()) === 'VALID';
  });
}

async function makeKey(expiresInDays: number | null): Promise<[Model, KnownToken]> {
  const expiresAt = expiresInDays === null ? Infinity : nowMs() + expiresInDays * DAY_MS;
  const { outcome, secret } = await handlers.create.execute(
    new CreateTokenCommand(
      ...[ORG, 'socmate' as const],
      {
        ...{ name: 'n', description: '', scopes: ['incidents:read'], resources: [] },
        ...{ maxQuota: null, visibility: 'admin', committer: null, ownerId: null, metadata: {} },
        expiresAt: expiresInDays === null ? null : instant(expiresAt),
      },
      context(),
    ),
  );
  return [new Model(secret.reveal(), expiresAt), stateOf(outcome)!];
}

async function take(asked: Step, model: Model, token: KnownToken): Promise<KnownToken> {
  const target = { orgId: ORG, tokenId: token.tokenId };
  switch (asked.kind) {
    case 'clock':
      // Time goes on from now; a machine that is set back goes on from further back.
      machineMs = (asked.ms > 0 ? nowMs() : machineMs) + asked.ms;
      return token;
    case 'disable': {
      const cause = { reason: 'requested', note: null } as const;
      const command = new RevokeTokenCommand(target, cause, context());
      model.disabled = true;
      return stateOf(await handlers.disable.execute(command))!;
    }
    case 'close': {
      const { current, previous } = token.secrets;
      const { secretId } = previous ?? current;
      const outcome = await handlers.close.execute(
        new CloseGraceCommand(target, secretId, context()),
      );
      expect(outcome.outcome).toBe(previous && !model.disabled ? 'accepted' : 'rejected');
      if (outcome.outcome === 'accepted') model.closed();
      return stateOf(outcome) ?? token;
    }
    case 'rotate': {
      const { graceDays, expiresInDays } = asked;
      const now = nowMs();
      const expiresAt = expiresInDays === null ? null : now + expiresInDays * DAY_MS;
      const policy = {
        ...{ graceMs: graceDays * DAY_MS, closePrevious: true },
        ...(expiresAt === null ? {} : { expiresAt: instant(expiresAt) }),
      };
      const { outcome, secret } = await handlers.rotate.execute(
        new RotateTokenCommand(target, policy, context()),
      );
      expect(outcome.outcome).toBe(model.mayRotate(now, expiresAt) ? 'accepted' : 'rejected');
      if (outcome.outcome === 'accepted') model.rotated(secret.reveal(), now, graceDays, expiresAt);
      return stateOf(outcome) ?? token;
    }
  }
}

it('at any time, at most two secrets live, none of a disabled key, none past its deadline', async () => {
  const times = { graceOpened: 0, graceEnded: 0, keyExpired: 0, keyRevived: 0, keyDisabled: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.option(fc.constantFrom(1, 5, 30), { freq: 2 }),
      fc.array(step, { minLength: 1, maxLength: 25 }),
      async (expiresInDays, steps) => {
        // Whatever earlier runs did to the machine's clock, time goes on from here.
        machineMs = nowMs();
        const [model, made] = await makeKey(expiresInDays);
        let token = made;
        let dead: readonly string[] = [];
        let before = 1;
        for (const asked of steps) {
          token = await take(asked, model, token);
          const alive = living(model.all);
          expect(alive).toEqual(model.living(nowMs()));
          expect(alive.length).toBeLessThanOrEqual(2);
          if (model.disabled) expect(alive).toEqual([]);
          // A key may come back by a new expiry; an old secret never does, whatever the clock says.
          const [newest] = model.all.slice(-1);
          for (const secret of dead) if (secret !== newest) expect(alive).not.toContain(secret);
          dead = model.all.filter((secret) => !alive.includes(secret));
          const isTime = asked.kind === 'clock';
          if (before < 2 && alive.length === 2) times.graceOpened += 1;
          if (isTime && before === 2 && alive.length === 1) times.graceEnded += 1;
          if (isTime && before > 0 && alive.length === 0) times.keyExpired += 1;
          if (before === 0 && alive.length > 0) times.keyRevived += 1;
          if (asked.kind === 'disable' && before > 0) times.keyDisabled += 1;
          before = alive.length;
        }
      },
    ),
    RUN,
  );
  // Each of these must have been tried, or the law was not put to the test.
  for (const [what, count] of Object.entries(times))
    expect([what, count > 20]).toEqual([what, true]);
});
