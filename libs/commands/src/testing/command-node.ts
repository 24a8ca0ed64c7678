import { randomUUID } from 'node:crypto';
import type { OrgId, TokenAttributes, UserId, WindowLength } from '@ledger/domain';
import { MemoryEventStore, type EventStore } from '@ledger/event-store';
import { systemContext, type CommandContext, type Principal } from '../command-context.js';
import { CreateTokenCommand, CreateTokenHandler } from '../create-token.handler.js';
import type { TokenWithSecret } from '../create-token.handler.js';
import { DecideAndAppend } from '../decide-and-append.js';
import {
  ChangeOrganizationHandler,
  CreateOrganizationCommand,
  CreateOrganizationHandler,
} from '../organization.handlers.js';
import { Clock, ReadModelProgress } from '../ports.js';
import { QuotaQueue } from '../quota-queue.js';
import { ReportPositionHandler, RetireGatewayHandler } from '../gateway.handlers.js';
import { RequestIdentities } from '../request-identity.js';
import { RevokeTokenHandler } from '../revoke-token.handler.js';
import { RotateTokenHandler } from '../rotate-token.handler.js';
import type { SharedTurns } from '../shared-turns.js';
import { StreamFolds } from '../stream-folds.js';
import { UpdateTokenHandler } from '../update-token.handler.js';
import {
  IssuePersonalTokenCommand,
  IssuePersonalTokenHandler,
  RegisterUserCommand,
  RegisterUserHandler,
  RevokePersonalTokenHandler,
} from '../user.handlers.js';
import { ManualClock } from './manual-clock.js';

/** Read models that are never behind. */
export class InstantProgress extends ReadModelProgress {
  override reached(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

export interface CommandNodeOptions {
  readonly store?: EventStore;
  readonly clock?: Clock;
  readonly readModels?: ReadModelProgress;
  readonly windowLength?: WindowLength;
  readonly retryWindowMs?: number;
  readonly turns?: SharedTurns;
}

const masterKey = Buffer.alloc(32, 5);

/** The write path of one process. Several on one store are several nodes. */
export function openCommandNode(options: CommandNodeOptions = {}) {
  const { store = new MemoryEventStore(), clock = new ManualClock() } = options;
  const { readModels = new InstantProgress(), retryWindowMs = 0 } = options;
  const folds = new StreamFolds(store);
  const identities = new RequestIdentities({ masterKey, retryWindowMs });
  const ledger = new DecideAndAppend(store, folds, readModels, identities, clock);
  const { windowLength = 'month', turns } = options;
  return {
    store,
    clock,
    folds,
    ledger,
    queue: new QuotaQueue(store, folds, readModels, identities, clock, windowLength, turns),
    createToken: new CreateTokenHandler(ledger, clock),
    updateToken: new UpdateTokenHandler(ledger, clock),
    rotateToken: new RotateTokenHandler(ledger, clock),
    revokeToken: new RevokeTokenHandler(ledger, clock),
    createOrganization: new CreateOrganizationHandler(ledger, clock),
    changeOrganization: new ChangeOrganizationHandler(ledger, clock),
    registerUser: new RegisterUserHandler(ledger, clock),
    issuePersonalToken: new IssuePersonalTokenHandler(ledger, clock),
    reportPosition: new ReportPositionHandler(ledger, clock),
    retireGateway: new RetireGatewayHandler(ledger, clock),
    revokePersonalToken: new RevokePersonalTokenHandler(ledger, clock),
  };
}

export type CommandNode = ReturnType<typeof openCommandNode>;

export const sampleAttributes: TokenAttributes = {
  name: 'ci',
  description: '',
  scopes: ['repo'],
  resources: [],
  maxQuota: 1000,
  visibility: 'organization',
  committer: null,
  ownerId: null,
  metadata: {},
  expiresAt: null,
};

export const sampleOrg = 'org-1' as OrgId;

/** A request of its own, of the operator unless told otherwise. */
export function request(principal: Principal = { kind: 'system' }): CommandContext {
  return { ...systemContext(randomUUID()), principal, dialect: 'native' };
}

/** A request that may be repeated: under a key, or as its body alone. */
export function repeatable(
  key: string | null,
  body = '{}',
  principal: Principal = { kind: 'system' },
): CommandContext {
  return { ...request(principal), repeat: { key, route: 'POST /v1/sample', body } };
}

export function createSample(
  node: CommandNode,
  attributes: Partial<TokenAttributes> = {},
  context: CommandContext = request(),
): Promise<TokenWithSecret> {
  return node.createToken.execute(
    new CreateTokenCommand(sampleOrg, 'native', { ...sampleAttributes, ...attributes }, context),
  );
}

/** A token that exists, and who it is when it acts. */
export async function existingToken(node: CommandNode, attributes: Partial<TokenAttributes> = {}) {
  const { outcome, secret } = await createSample(node, attributes);
  if (outcome.outcome === 'rejected' || outcome.state.status === 'absent') {
    throw new Error('the system may create tokens');
  }
  const { tokenId, orgId, secrets } = outcome.state;
  const { secretId } = secrets.current;
  const principal: Principal = { kind: 'org_token', tokenId, orgId, secretId };
  return { tokenId, secretId, principal, secret, target: { tokenId, orgId } };
}

/** An organization, and its admin with a personal token. */
export async function existingOrganization(node: CommandNode, slug = 'acme') {
  const user = { email: 'ada@example.org', name: 'Ada', operator: false };
  const registered = await node.registerUser.execute(new RegisterUserCommand(user, request()));
  if (registered.outcome === 'rejected') throw new Error('the system may register users');
  const userId = registered.state!.userId as UserId;
  const { tokenId: personalTokenId } = await node.issuePersonalToken.execute(
    new IssuePersonalTokenCommand(userId, 'laptop', request()),
  );
  const created = await node.createOrganization.execute(
    new CreateOrganizationCommand(
      { slug, name: null, plan: 'free', firstAdmin: userId },
      request(),
    ),
  );
  if (created.outcome === 'rejected') throw new Error(`the slug ${slug} was taken`);
  const principal: Principal = { kind: 'user', userId, personalTokenId };
  return { orgId: created.state!.orgId, userId, personalTokenId, principal };
}
