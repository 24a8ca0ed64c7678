import type { OrgId, SecretId, TokenId, UserId } from '@ledger/domain';

/** Who is calling, as the credential index knew them when the request came in. */
export type Principal =
  | { readonly kind: 'system' }
  | { readonly kind: 'user'; readonly userId: UserId; readonly personalTokenId: TokenId }
  | {
      readonly kind: 'org_token';
      readonly tokenId: TokenId;
      readonly orgId: OrgId;
      readonly secretId: SecretId;
    };

/** What a command carries beside its content: who, from where, in answer to what. */
export interface CommandContext {
  readonly principal: Principal;
  readonly requestId: string;
  readonly correlationId: string;
  readonly ip?: string | undefined;
  readonly userAgent?: string | undefined;
  /** The dialect that the request came through. */
  readonly dialect: string;
  /** Whether nobody waits for the answer any more. Work that was not begun until then is not begun. */
  readonly isGone?: () => boolean;
  /** What tells a repeated request from a new one. Absent where nothing may be repeated. */
  readonly repeat?: {
    /** The Idempotency-Key header; null when the caller sent none. */
    readonly key: string | null;
    /** Method and path: the same key on another route is another key (I2). */
    readonly route: string;
    /** The body as it was sent. */
    readonly body: string;
  };
}

export const systemContext = (requestId: string): CommandContext => ({
  principal: { kind: 'system' },
  requestId,
  correlationId: requestId,
  dialect: 'system',
});

export function principalId(principal: Principal): string {
  switch (principal.kind) {
    case 'system':
      return 'system';
    case 'user':
      return principal.userId;
    case 'org_token':
      return principal.tokenId;
  }
}
