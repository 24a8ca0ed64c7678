import { Contention, type Secret } from '@ledger/commands';
import type { OrgId, SecretDigest, Timestamp, TokenId, UserId } from '@ledger/domain';
import { StoreUnavailable } from '@ledger/event-store';
import { checkAnswer, History, type Attempt } from './history.js';
import { LedgerModel } from './ledger-model.js';
import { checkFact } from './log-checks.js';
import type { SeededRandom } from './random.js';
import { checkReadModels } from './read-model-checks.js';
import { perform, verify, type Request } from './requests.js';
import type { Scheduler } from './scheduler.js';
import type { SimulatedLog } from './simulated-log.js';
import { NodeGone, type SimulatedNode } from './simulated-node.js';
import { mustHold } from './violation.js';

/** How often every node is asked about every secret, whatever else goes on. */
const STEPS_BETWEEN_VERIFICATIONS = 7;

/** A token as its clients know it: by what they were told. */
export interface KnownToken {
  readonly tokenId: TokenId;
  readonly secrets: string[];
  readonly digests: SecretDigest[];
}

/** A person, and the personal tokens that were handed to them. */
export interface KnownUser {
  readonly userId: UserId;
  readonly tokens: { readonly tokenId: TokenId; readonly secret: string }[];
}

/** Everything that one seed sets in motion, and what must hold of it all the time. */
export class World {
  readonly history: History;
  readonly truth = new LedgerModel();
  readonly tokens: KnownToken[] = [];
  readonly users: KnownUser[] = [];
  orgId = '' as OrgId;
  /** Every secret that anybody was ever told. */
  readonly digests = new Set<SecretDigest>();
  verified = 0;
  #requests = 0;
  #steps = 0;
  #failure: Error | undefined;
  readonly #answered: Attempt[] = [];
  readonly #started: SimulatedNode[] = [];
  readonly #views = new Map<SimulatedNode, NodeView>();

  constructor(
    readonly random: SeededRandom,
    readonly scheduler: Scheduler,
    readonly log: SimulatedLog,
    readonly nodes: readonly SimulatedNode[],
  ) {
    this.history = new History(nodes.length > 1);
  }

  /** Notes what went wrong outside of a check, so that the run ends with it. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
  }

  /** Sends a request once, and takes note of what comes back. */
  async send(
    node: SimulatedNode,
    request: Request,
    credential: string | null,
    key: string | null,
    caller: string,
  ): Promise<Attempt> {
    this.#requests += 1;
    const requestId = `request-${this.#requests}`;
    const target = 'tokenId' in request ? request.tokenId : '';
    const identity = key === null ? null : [caller, request.kind, target, key].join(' ');
    const attempt = this.history.begin({ requestId, request, identity });
    const what = `${requestId} ${request.kind}${key === null ? '' : ` under ${key}`}`;
    this.scheduler.trace.add(`${node.name} ${what}`);
    try {
      const envelope = { request, orgId: this.orgId, credential, requestId, key };
      attempt.answer = await node.serve((ledger) => perform(ledger, envelope));
    } catch (error) {
      if (error instanceof Contention) attempt.answer = { kind: 'refused', code: error.code };
      else if (!(error instanceof StoreUnavailable || error instanceof NodeGone)) this.fail(error);
    }
    this.#note(node, attempt, what);
    return attempt;
  }

  /** Asks a node about a secret, and holds its verdict against the model at the node's own position. */
  verify(node: SimulatedNode, digest: SecretDigest): void {
    const { ledger } = node;
    if (!ledger) return;
    this.scheduler.handOver(node.owner);
    const verdict = verify(ledger, digest);
    this.verified += 1;
    if (verdict === 'BEHIND') return;
    const { position } = ledger.projector;
    mustHold(
      position >= node.answeredPosition,
      `${node.name} judges at position ${position}, but has answered ${node.answeredPosition}`,
    );
    const now = ledger.clock.now();
    const view = this.#viewOf(node, ledger);
    mustHold(now >= view.lastNow, `the time of ${node.name} never runs backwards`);
    view.lastNow = now;
    const expected = view.at(position, this.log.events).verdict(digest, now);
    mustHold(verdict === expected, `${node.name} says ${verdict} of a secret that is ${expected}`);
    mustHold(verdict !== 'VALID' || !view.ended.has(digest), 'what has ended never comes back');
    if (verdict !== 'VALID' && verdict !== 'NOT_FOUND') view.ended.add(digest);
  }

  /** No token ever has more than two secrets that are good. */
  verifyAll(node: SimulatedNode): void {
    const { ledger } = node;
    if (!ledger || ledger.progress.mustNotJudge) return;
    this.scheduler.handOver(node.owner);
    for (const digest of this.digests) this.verify(node, digest);
    for (const { digests } of this.tokens) {
      const good = digests.filter((digest) => verify(ledger, digest) === 'VALID');
      mustHold(good.length <= 2, 'a token has at most two living secrets');
    }
  }

  /** The read models of a node that has just started are compared once the step is over. */
  hasStarted(node: SimulatedNode): void {
    this.#started.push(node);
  }

  /** What must hold after every single step. @throws Violation, or whatever went wrong meanwhile */
  async check(): Promise<void> {
    for (const fact of await this.log.catchUp()) {
      checkFact(this.truth, fact);
      this.truth.apply(fact);
      this.scheduler.trace.add(`recorded ${fact.position} ${fact.payload.type} ${fact.revision}`);
    }
    for (const { answer, requestId } of this.#answered.splice(0)) {
      if (answer !== 'unknown' && answer.kind === 'accepted') {
        checkAnswer(answer, this.log.events, requestId);
      }
    }
    if (this.#failure) throw this.#failure;
    for (const node of this.#started.splice(0)) this.checkReadModels(node);
    this.#steps += 1;
    if (this.#steps % STEPS_BETWEEN_VERIFICATIONS > 0) return;
    for (const node of this.nodes) this.verifyAll(node);
    this.scheduler.handOver('world');
  }

  checkReadModels(node: SimulatedNode): void {
    const { ledger } = node;
    if (!ledger || ledger.projector.failure) return;
    const { position } = ledger.projector;
    mustHold(position >= node.answeredPosition, `${node.name} holds what it answered before`);
    checkReadModels(ledger, this.log.events);
  }

  #note(node: SimulatedNode, attempt: Attempt, what: string): void {
    const { answer, request } = attempt;
    this.#answered.push(attempt);
    if (answer === 'unknown') return this.scheduler.trace.add(`${what}: unknown`);
    if (answer.kind === 'refused') return this.scheduler.trace.add(`${what}: ${answer.code}`);
    this.scheduler.trace.add(`${what}: done at ${answer.position}`);
    if (answer.position > node.answeredPosition) node.answeredPosition = answer.position;
    if (answer.secret && answer.tokenId) this.#remember(request, answer.tokenId, answer.secret);
  }

  #remember(request: Request, tokenId: TokenId, secret: Secret): void {
    this.digests.add(secret.digest);
    const plaintext = secret.reveal();
    if (request.kind === 'issue') {
      const user = this.users.find(({ userId }) => userId === request.userId);
      if (user?.tokens.some((each) => each.tokenId === tokenId) === false) {
        user.tokens.push({ tokenId, secret: plaintext });
      }
      return;
    }
    const known = this.tokens.find((token) => token.tokenId === tokenId);
    if (!known) {
      this.tokens.push({ tokenId, secrets: [plaintext], digests: [secret.digest] });
    } else if (!known.secrets.includes(plaintext)) {
      known.secrets.push(plaintext);
      known.digests.push(secret.digest);
    }
  }

  #viewOf(node: SimulatedNode, ledger: object): NodeView {
    let view = this.#views.get(node);
    if (!view) this.#views.set(node, (view = new NodeView()));
    view.entered(ledger);
    return view;
  }
}

/** What a node has shown, and the model at the position where it stands. */
class NodeView {
  lastNow = '' as Timestamp;
  /** Secrets that this process called ended. */
  readonly ended = new Set<string>();
  readonly #model = new LedgerModel();
  #process: object | undefined;

  /** A restarted process starts from what the log holds, and from the time of its newest event. */
  entered(process: object): void {
    if (this.#process === process) return;
    this.#process = process;
    this.lastNow = '' as Timestamp;
    this.ended.clear();
  }

  at(position: bigint, log: LedgerEvents): LedgerModel {
    while (this.#model.length < Number(position)) this.#model.apply(log[this.#model.length]!);
    return this.#model;
  }
}

type LedgerEvents = World['log']['events'];
