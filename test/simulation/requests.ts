import { isDeepStrictEqual } from 'node:util';
import {
  ChangeOrganizationCommand,
  ChangeOrganizationHandler,
  ConsumeQuotaCommand,
  ConsumeQuotaHandler,
  CreateTokenCommand,
  CreateTokenHandler,
  digestOf,
  IssuePersonalTokenCommand,
  IssuePersonalTokenHandler,
  RevokePersonalTokenCommand,
  RevokePersonalTokenHandler,
  RevokeTokenCommand,
  RevokeTokenHandler,
  RotateTokenCommand,
  RotateTokenHandler,
  UpdateTokenCommand,
  UpdateTokenHandler,
  type CommandContext,
  type Outcome,
  type Principal,
  type Secret,
} from '@ledger/commands';
import {
  judge,
  type LedgerEvent,
  type OrgId,
  type Role,
  type SecretDigest,
  type Timestamp,
  type TokenAttributes,
  type TokenId,
  type UserId,
  type VerificationCode,
} from '@ledger/domain';
import type { Ledger } from '@ledger/runtime';

/** What a client asks for. Plain data, so that its text is the body that tells repeats apart. */
export type Request =
  | {
      readonly kind: 'create';
      readonly name: string;
      readonly scopes: readonly string[];
      readonly maxQuota: number | null;
      readonly expiresAt: Timestamp | null;
    }
  | { readonly kind: 'limit'; readonly tokenId: TokenId; readonly maxQuota: number | null }
  | { readonly kind: 'rename'; readonly tokenId: TokenId; readonly name: string }
  | {
      readonly kind: 'rotate';
      readonly tokenId: TokenId;
      readonly graceMs: number;
      readonly closePrevious: boolean;
    }
  | { readonly kind: 'revoke'; readonly tokenId: TokenId }
  | { readonly kind: 'consume'; readonly tokenId: TokenId; readonly cost: number }
  | { readonly kind: 'member'; readonly userId: UserId; readonly role: Role | null }
  | { readonly kind: 'issue'; readonly userId: UserId }
  | { readonly kind: 'retire'; readonly userId: UserId; readonly tokenId: TokenId };

export interface RequestEnvelope {
  readonly request: Request;
  readonly orgId: OrgId;
  /** The secret that the caller presents; null for the operator at the command line. */
  readonly credential: string | null;
  readonly requestId: string;
  readonly key: string | null;
}

export type Answer =
  | {
      readonly kind: 'accepted';
      readonly position: bigint;
      /** What the answer says was recorded; null where it does not say. */
      readonly events: readonly LedgerEvent[] | null;
      readonly tokenId: TokenId | null;
      readonly secret: Secret | null;
      readonly charge: { readonly cost: number; readonly consumed: number } | null;
      readonly repeated: boolean;
    }
  | { readonly kind: 'refused'; readonly code: string };

/** What a node says of a secret; `BEHIND` when it may not judge. */
export function verify(ledger: Ledger, digest: SecretDigest): VerificationCode | 'BEHIND' {
  if (ledger.progress.mustNotJudge) return 'BEHIND';
  const found = ledger.credentials.find({ digest });
  if (!found) return 'NOT_FOUND';
  if (found.kind === 'user') return found.revoked ? 'REVOKED' : 'VALID';
  const use = { scopes: [], resource: null, ownOrganization: '' };
  return judge(found.token, found.secret, use, ledger.clock.now());
}

/** Lets a request in by its credential, as the guards of the service do. */
function principalOf(ledger: Ledger, credential: string): Principal | 'BEHIND' | null {
  const digest = digestOf(credential);
  const verdict = verify(ledger, digest);
  if (verdict === 'BEHIND') return 'BEHIND';
  const found = ledger.credentials.find({ digest });
  if (verdict !== 'VALID' || !found) return null;
  if (found.kind === 'user') {
    const { userId, personalTokenId } = found;
    return { kind: 'user', userId, personalTokenId };
  }
  const { tokenId, orgId } = found.token;
  return { kind: 'org_token', tokenId, orgId, secretId: found.secret.secretId };
}

/** Carries a request out through the handlers that the service uses. */
export async function perform(ledger: Ledger, envelope: RequestEnvelope): Promise<Answer> {
  const { request, credential, requestId, key } = envelope;
  const principal: ReturnType<typeof principalOf> =
    credential === null ? { kind: 'system' } : principalOf(ledger, credential);
  if (principal === 'BEHIND') return { kind: 'refused', code: 'BEHIND' };
  if (principal === null) return { kind: 'refused', code: 'UNAUTHENTICATED' };
  const route = 'tokenId' in request ? `${request.kind} ${request.tokenId}` : request.kind;
  const context: CommandContext = {
    principal,
    requestId,
    correlationId: requestId,
    dialect: 'native',
    ...(key === null ? {} : { repeat: { key, route, body: JSON.stringify(request) } }),
  };
  return execute(ledger, envelope, context);
}

async function execute(
  ledger: Ledger,
  { request, orgId }: RequestEnvelope,
  context: CommandContext,
): Promise<Answer> {
  const { commands, clock } = ledger;
  switch (request.kind) {
    case 'create': {
      const { name, scopes, maxQuota, expiresAt } = request;
      const attributes: TokenAttributes = {
        ...{ name, scopes, maxQuota, expiresAt, description: '', resources: [], metadata: {} },
        ...{ committer: null, ownerId: null },
        visibility: 'organization',
      };
      const command = new CreateTokenCommand(orgId, 'native', attributes, context);
      const { outcome, secret } = await new CreateTokenHandler(commands, clock).execute(command);
      return answered(outcome, tokenIdOf(outcome), secret);
    }
    case 'limit': {
      const { tokenId, maxQuota } = request;
      const command = new UpdateTokenCommand({ orgId, tokenId }, { maxQuota }, context);
      return answered(await new UpdateTokenHandler(commands, clock).execute(command), tokenId);
    }
    case 'rename': {
      const { tokenId, name } = request;
      const command = new UpdateTokenCommand({ orgId, tokenId }, { name }, context);
      return answered(await new UpdateTokenHandler(commands, clock).execute(command), tokenId);
    }
    case 'rotate': {
      const { tokenId, graceMs, closePrevious } = request;
      const policy = { graceMs, closePrevious };
      const command = new RotateTokenCommand({ orgId, tokenId }, policy, context);
      const { outcome, secret } = await new RotateTokenHandler(commands, clock).execute(command);
      return answered(outcome, tokenId, secret);
    }
    case 'revoke': {
      const { tokenId } = request;
      const cause = { reason: 'requested', note: null } as const;
      const command = new RevokeTokenCommand({ orgId, tokenId }, cause, context);
      return answered(await new RevokeTokenHandler(commands, clock).execute(command), tokenId);
    }
    case 'consume': {
      const { tokenId, cost } = request;
      const subject = { kind: 'token', tokenId, secretId: null } as const;
      const charge = { subject, orgId, cost, operation: 'simulated' };
      const command = new ConsumeQuotaCommand(charge, context);
      const outcome = await new ConsumeQuotaHandler(ledger.quotaQueue).execute(command);
      if (outcome.outcome === 'rejected') return refused(outcome.rejection);
      const { position, quota } = outcome;
      const spent = { cost: outcome.cost, consumed: quota.consumed };
      return { ...NOTHING_ELSE, kind: 'accepted', position, tokenId, charge: spent };
    }
    case 'member': {
      const { userId, role } = request;
      const change =
        role === null
          ? ({ type: 'RemoveMember', userId } as const)
          : ({ type: 'SetMember', userId, role } as const);
      const command = new ChangeOrganizationCommand(orgId, change, context);
      return answered(await new ChangeOrganizationHandler(commands, clock).execute(command), null);
    }
    case 'issue': {
      const command = new IssuePersonalTokenCommand(request.userId, 'simulated', context);
      const issued = await new IssuePersonalTokenHandler(commands, clock).execute(command);
      return answered(issued.outcome, issued.tokenId, issued.secret);
    }
    case 'retire': {
      const { userId, tokenId } = request;
      const command = new RevokePersonalTokenCommand(userId, tokenId, context);
      return answered(await new RevokePersonalTokenHandler(commands, clock).execute(command), null);
    }
  }
}

const NOTHING_ELSE = { events: null, tokenId: null, secret: null, charge: null, repeated: false };

function answered<State>(
  outcome: Outcome<State, LedgerEvent>,
  tokenId: TokenId | null,
  secret: Secret | null = null,
): Answer {
  if (outcome.outcome === 'rejected') return refused(outcome.rejection);
  const { events, position, repeated } = outcome;
  return { kind: 'accepted', position, events, tokenId, secret, charge: null, repeated };
}

function tokenIdOf(outcome: Outcome<unknown, LedgerEvent>): TokenId | null {
  if (outcome.outcome === 'rejected') return null;
  const created = outcome.events.find(({ type }) => type === 'TokenCreated');
  return created?.type === 'TokenCreated' ? created.tokenId : null;
}

function refused({ code }: { readonly code: string }): Answer {
  return { kind: 'refused', code };
}

/** Whether two facts say the same once they were written down. */
export function isSameFact(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
}
