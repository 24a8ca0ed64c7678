import type {
  LeaseCall,
  LeaseGrant,
  Ledger,
  Outcome,
  Quota,
  Verification,
  VerificationCode,
  VerifyCall,
} from '../ledger.js';
import type { GatewayTime } from '../time.js';

export interface ModelToken {
  readonly tokenId: string;
  readonly secretId: string;
  code: VerificationCode;
  expiresAtMs: number | null;
  limit: number | null;
  consumed: number;
}

/**
 * A ledger in memory: what a gateway may rely on, and nothing of how it is done. A test may hold up its
 * answers after they were judged, take it away, and count what it is asked.
 */
export class ModelLedger implements Ledger {
  position = 100n;
  isDown = false;
  verifications = 0;
  readonly tokens = new Map<string, ModelToken>();
  readonly leases = new Map<string, { tokenId: string; units: number; isOpen: boolean }>();
  readonly acknowledged: bigint[] = [];
  readonly minPositions: bigint[] = [];
  /** Called between judging and answering. */
  onJudged: (call: string) => Promise<void> | void = () => undefined;

  constructor(private readonly time: GatewayTime & { readonly trueMs: number }) {}

  add(secret: string, over: Partial<ModelToken> = {}): ModelToken {
    const number = String(this.tokens.size + 1).padStart(12, '0');
    const token: ModelToken = {
      tokenId: `00000000-0000-4000-8000-${number}`,
      secretId: `00000000-0000-4000-9000-${number}`,
      ...{ code: 'VALID' as const, expiresAtMs: null, limit: null, consumed: 0 },
      ...over,
    };
    this.tokens.set(secret, token);
    this.position += 1n;
    return token;
  }

  /** @returns Position of the event. */
  revoke(secret: string): bigint {
    this.tokens.get(secret)!.code = 'REVOKED';
    return (this.position += 1n);
  }

  async verify(call: VerifyCall): Promise<Outcome<Verification>> {
    this.verifications += 1;
    this.minPositions.push(call.minPosition ?? 0n);
    const outcome = this.#judge(call);
    await this.onJudged('verify');
    return outcome;
  }

  async lease({ tokenId, units }: LeaseCall): Promise<Outcome<LeaseGrant>> {
    const token = [...this.tokens.values()].find((each) => each.tokenId === tokenId)!;
    const outcome = this.#lease(token, units);
    await this.onJudged('lease');
    return outcome;
  }

  async returnLease(leaseId: string, tokenId: string, unused: number): Promise<Outcome<void>> {
    if (this.isDown) return unavailable();
    const lease = this.leases.get(leaseId)!;
    const token = [...this.tokens.values()].find((each) => each.tokenId === tokenId)!;
    if (unused > lease.units) throw new Error('more was given back than was granted');
    if (lease.isOpen) token.consumed -= unused;
    lease.isOpen = false;
    return { outcome: 'answered', value: undefined };
  }

  async acknowledge(_gatewayId: string, position: bigint): Promise<Outcome<void>> {
    if (this.isDown) return unavailable();
    this.acknowledged.push(position);
    return { outcome: 'answered', value: undefined };
  }

  async forgetGateway(): Promise<Outcome<void>> {
    return this.isDown ? unavailable() : { outcome: 'answered', value: undefined };
  }

  #judge({ secret, minPosition = 0n, cost = 0 }: VerifyCall): Outcome<Verification> {
    if (this.isDown || minPosition > this.position) return unavailable();
    const answeredAtMs = Math.floor(this.time.trueMs / 1000) * 1000;
    const token = this.tokens.get(secret);
    const { position } = this;
    const common = { position, answeredAtMs };
    if (!token) {
      const nothing = { identity: null, quota: null, expiresAtMs: null };
      return { outcome: 'answered', value: { ...common, ...nothing, code: 'NOT_FOUND' } };
    }
    const { tokenId, secretId, expiresAtMs, limit } = token;
    const isOver = expiresAtMs !== null && expiresAtMs <= this.time.trueMs;
    let code = token.code === 'VALID' && isOver ? 'EXPIRED' : token.code;
    if (code === 'VALID' && limit !== null && token.consumed + cost > limit && cost > 0) {
      code = 'QUOTA_EXCEEDED';
    }
    if (code === 'VALID') token.consumed += cost;
    const who = { tokenId, secretId, orgId: 'org', ownerId: null, name: 'ci', scopes: ['jobs'] };
    const quota = this.#quotaOf(token);
    return {
      outcome: 'answered',
      value: { ...common, code, identity: who, quota, expiresAtMs },
    };
  }

  #lease(token: ModelToken, units: number): Outcome<LeaseGrant> {
    if (this.isDown) return unavailable();
    if (token.code !== 'VALID') return refused(409, 'TOKEN_REVOKED', null);
    const left = token.limit === null ? units : token.limit - token.consumed;
    const granted = Math.min(units, left);
    if (granted === 0) return refused(429, 'QUOTA_EXCEEDED', this.#quotaOf(token));
    token.consumed += granted;
    const leaseId = `lease-${this.leases.size + 1}`;
    this.leases.set(leaseId, { tokenId: token.tokenId, units: granted, isOpen: true });
    const expiresAtMs = this.time.trueMs + 3_600_000;
    const quota = this.#quotaOf(token);
    return {
      outcome: 'answered',
      value: { leaseId, units: granted, quota, expiresAtMs, answeredAtMs: null },
    };
  }

  #quotaOf({ limit, consumed }: ModelToken): Quota {
    const remaining = limit === null ? null : Math.max(0, limit - consumed);
    return { limit, consumed, remaining, resetAt: '2026-04-01T00:00:00.000Z' };
  }
}

function unavailable(): Outcome<never> {
  return { outcome: 'unavailable', reason: 'down', retryAfterSeconds: undefined };
}

function refused(status: number, code: string, quota: Quota | null): Outcome<never> {
  return { outcome: 'refused', status, code, retryAfterSeconds: undefined, quota };
}
