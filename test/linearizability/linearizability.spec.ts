import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../simulation/random.js';
import {
  ADMIN_TOKEN,
  startServiceProcess,
  type ServiceProcess,
} from '../support/service-process.js';
import { MID_MONTH } from '../support/mid-month.js';
import { record, type TokenCalls } from './clients.js';
import { isLinearizable, type Call, type Operation } from './history.js';
import { PlantedToken, type Plant } from './planted-token.js';

const HISTORIES = process.env['LEDGER_TEST_LONG'] ? 1_000 : 40;
const CALLS = 100;
const QUOTA = 25;

/** One token of a running service, called over HTTP. */
class ServedToken implements TokenCalls {
  private constructor(
    private readonly url: string,
    readonly id: string,
    readonly secret: string,
  ) {}

  static async create(url: string): Promise<ServedToken> {
    const { body } = await post(url, '/v1/orgs/demo/tokens', { name: 'ci', maxQuota: QUOTA });
    return new ServedToken(url, body.token!.id, body.secret!);
  }

  async rotate(): Promise<Operation> {
    const { status, body } = await post(this.url, `/v1/orgs/demo/tokens/${this.id}/rotate`, {});
    if (status === 200) return { kind: 'rotate', outcome: { secret: body.secret! } };
    return { kind: 'rotate', outcome: expected(body.code === 'TOKEN_REVOKED', 'refused', body) };
  }

  async revoke(): Promise<Operation> {
    const { status, body } = await post(this.url, `/v1/orgs/demo/tokens/${this.id}/revoke`, {});
    return { kind: 'revoke', outcome: expected(status === 200, 'done', body) };
  }

  async consume(): Promise<Operation> {
    const { status, body } = await post(this.url, '/v1/quota/consume', {
      tokenId: this.id,
      units: 1,
    });
    if (status === 200) {
      return { kind: 'consume', outcome: { remaining: body.quota!.remaining } };
    }
    if (body.code === 'TOKEN_REVOKED') return { kind: 'consume', outcome: 'revoked' };
    return { kind: 'consume', outcome: expected(body.code === 'QUOTA_EXCEEDED', 'exceeded', body) };
  }

  async verify(secret: string): Promise<Operation> {
    const { body } = await post(this.url, '/v1/verify', { token: secret });
    const { code } = body;
    if (code === 'VALID' || code === 'ROTATED' || code === 'REVOKED') {
      return { kind: 'verify', secret, outcome: code };
    }
    throw new Error(`an unexpected verdict: ${JSON.stringify(body)}`);
  }
}

interface Answer {
  readonly code?: string;
  readonly secret?: string;
  readonly token?: { readonly id: string };
  readonly quota?: { readonly remaining: number };
}

/**
 * What tells a client to come back, after nothing was done: a charge lost five races to rotations, or a machine
 * that stood still did not read its own log in time.
 */
const COME_BACK = ['CONTENTION', 'BEHIND', 'OVERLOADED'];

/** Calls until it is not told to come back. */
async function post(url: string, path: string, body: object) {
  for (;;) {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const { status } = response;
    const answer = (await response.json()) as Answer;
    if (!COME_BACK.includes(answer.code ?? '')) return { status, body: answer };
  }
}

function expected<Outcome>(holds: boolean, outcome: Outcome, body: Answer): Outcome {
  if (!holds) throw new Error(`an answer that nothing explains: ${JSON.stringify(body)}`);
  return outcome;
}

describe('what clients of one token are told', () => {
  const data = mkdtempSync(join(tmpdir(), 'linearizability-'));
  let service: ServiceProcess;
  beforeAll(async () => {
    service = await startServiceProcess(join(data, 'ledger'), MID_MONTH);
  });
  afterAll(async () => {
    await service.stop();
    rmSync(data, { recursive: true, force: true });
  });

  it(`can be explained by one order of all their calls, in ${HISTORIES} histories (T4, N1, V1)`, async () => {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= HISTORIES; seed += 1) {
      const token = await ServedToken.create(service.url);
      const { secret } = token;
      const history = await record(token, { secret, calls: CALLS, random: new SeededRandom(seed) });
      for (const { operation } of history) kinds.add(kindOf(operation));
      if (!isLinearizable(history, { secret, quota: QUOTA })) {
        throw new Error(`history ${seed} has no explanation:\n${history.map(lineOf).join('\n')}`);
      }
    }
    // Every answer that there is was met, so that the histories show something.
    expect([...kinds].sort()).toEqual(
      ['consume done', 'consume exceeded', 'consume revoked', 'revoke done']
        .concat('rotate done', 'rotate refused')
        .concat('verify REVOKED', 'verify ROTATED', 'verify VALID'),
    );
  }, 7_200_000);

  it('sixteen rotations at once leave one current secret (N2)', async () => {
    const token = await ServedToken.create(service.url);
    const rotated = await Promise.all(Array.from({ length: 16 }, () => token.rotate()));
    const secrets = rotated.map(({ outcome }) => (outcome as { secret: string }).secret);
    const verdicts = await Promise.all(secrets.map((secret) => token.verify(secret)));
    const living = verdicts.filter(({ outcome }) => outcome === 'VALID');
    expect(living).toHaveLength(1);
  });
});

const PLANTS: readonly Plant[] = [
  'verdicts are remembered over a change',
  'charges are decided before and written after a wait',
  'a rotation is answered before it takes effect',
  'a revocation is answered before it takes effect',
];

describe('the checker', () => {
  /** Records what a token in memory tells its clients, with the order of turns from a seed. */
  async function historyOf(seed: number, plant: Plant | null): Promise<boolean> {
    const random = new SeededRandom(seed);
    const pause = async (): Promise<void> => {
      for (let turns = random.between(0, 5); turns > 0; turns -= 1) await new Promise(setImmediate);
    };
    const token = new PlantedToken('first', QUOTA, pause, plant);
    const history = await record(token, { secret: 'first', calls: CALLS, random });
    return isLinearizable(history, { secret: 'first', quota: QUOTA });
  }

  it('finds no fault where there is none', async () => {
    for (let seed = 1; seed <= 50; seed += 1) expect(await historyOf(seed, null)).toBe(true);
  });

  it.each(PLANTS)('finds it out when %s', async (plant) => {
    let found = 0;
    for (let seed = 1; seed <= 20; seed += 1) if (!(await historyOf(seed, plant))) found += 1;
    expect(found).toBeGreaterThan(10);
  });

  it('explains what happened at once in any order, and what happened in turn in that order', () => {
    const verify = (outcome: 'VALID' | 'REVOKED', calledAt: number, answeredAt: number): Call => {
      return { operation: { kind: 'verify', secret: 's', outcome }, calledAt, answeredAt };
    };
    const revoke: Call = {
      operation: { kind: 'revoke', outcome: 'done' },
      calledAt: 1,
      answeredAt: 4,
    };
    const first = { secret: 's', quota: 1 };
    expect(isLinearizable([revoke, verify('VALID', 2, 3)], first)).toBe(true);
    expect(isLinearizable([revoke, verify('REVOKED', 2, 3)], first)).toBe(true);
    expect(isLinearizable([revoke, verify('VALID', 5, 6)], first)).toBe(false);
    expect(isLinearizable([verify('REVOKED', 2, 3), verify('VALID', 5, 6), revoke], first)).toBe(
      false,
    );
  });
});

function kindOf({ kind, outcome }: Operation): string {
  return `${kind} ${typeof outcome === 'string' ? outcome : 'done'}`;
}

function lineOf({ operation, calledAt, answeredAt }: Call): string {
  return `${calledAt}-${answeredAt} ${JSON.stringify(operation)}`;
}
