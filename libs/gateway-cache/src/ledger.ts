/** What a caller wants to do with its token, for the ledger to judge: scopes and, perhaps, a resource. */
export interface Question {
  readonly scopes: readonly string[];
  readonly resource?: {
    readonly organization: string;
    readonly repository?: string;
    readonly workspace?: string;
  };
}

/** Where a token stands in its quota window. */
export interface Quota {
  readonly limit: number | null;
  readonly consumed: number;
  readonly remaining: number | null;
  /** End of the window, RFC 3339. */
  readonly resetAt: string;
}

/** Whose token it is: what is passed on to the service behind the gateway. */
export interface TokenIdentity {
  readonly tokenId: string;
  readonly secretId: string;
  readonly orgId: string;
  readonly ownerId: string | null;
  readonly name: string;
  readonly scopes: readonly string[];
}

/** The codes of `/v1/verify`. One that a newer ledger adds is some other text, and no `VALID`. */
export type VerificationCode =
  | 'VALID'
  | 'NOT_FOUND'
  | 'REVOKED'
  | 'EXPIRED'
  | 'ROTATED'
  | 'RESOURCE_NOT_ALLOWED'
  | 'INSUFFICIENT_SCOPE'
  | 'QUOTA_EXCEEDED';

/** An answer of the ledger about one secret and one question. */
export interface Verification {
  readonly code: VerificationCode;
  /** Place in the log that it was judged at. */
  readonly position: bigint;
  /** Null for what is unknown, of which nothing is told. */
  readonly identity: TokenIdentity | null;
  readonly quota: Quota | null;
  /** When the secret ends, by its token's expiry or its own grace; null for never. */
  readonly expiresAtMs: number | null;
  /** What the ledger's clock showed when it answered, to the second; null when it does not say. */
  readonly answeredAtMs: number | null;
}

/** Units that were taken from a quota to be spent here. */
export interface LeaseGrant {
  readonly leaseId: string;
  readonly units: number;
  readonly quota: Quota;
  /** End of the window that the units belong to. */
  readonly expiresAtMs: number;
  readonly answeredAtMs: number | null;
}

/** What became of a call to the ledger. */
export type Outcome<Value> =
  | { readonly outcome: 'answered'; readonly value: Value }
  /** The ledger understood, and says no. */
  | {
      readonly outcome: 'refused';
      readonly status: number;
      readonly code: string;
      readonly retryAfterSeconds: number | undefined;
      readonly quota: Quota | null;
    }
  /** No answer that could be relied on: whether it was done is unknown. */
  | {
      readonly outcome: 'unavailable';
      readonly reason: string;
      readonly retryAfterSeconds: number | undefined;
    };

export interface VerifyCall {
  readonly secret: string;
  readonly question: Question;
  /** The answer must not be judged at an earlier position. */
  readonly minPosition?: bigint;
  /** Units to charge, if the answer is `VALID`; absent or 0 charges nothing. */
  readonly cost?: number;
  readonly operation?: string;
}

export interface LeaseCall {
  readonly tokenId: string;
  readonly units: number;
  readonly operation: string;
}

/** The ledger as a gateway asks it. Calls are bounded in time, and never reject. */
export interface Ledger {
  verify(call: VerifyCall): Promise<Outcome<Verification>>;
  /** Takes units in advance. They count as consumed from then on. */
  lease(call: LeaseCall): Promise<Outcome<LeaseGrant>>;
  /** Gives unused units back. Safe to repeat. */
  returnLease(leaseId: string, tokenId: string, unusedUnits: number): Promise<Outcome<void>>;
  /** Says that this gateway has applied everything up to a position. Safe to repeat. */
  acknowledge(gatewayId: string, position: bigint): Promise<Outcome<void>>;
  /** Says that this gateway stops for good. Safe to repeat. */
  forgetGateway(gatewayId: string): Promise<Outcome<void>>;
}
