import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CommandContext } from '@ledger/commands';
import { epochMs, type Timestamp, type TokenId } from '@ledger/domain';
import type { Ledger } from '@ledger/runtime';
import { Authenticator, type Caller } from '../../../http/caller.js';
import { idempotencyKey } from '../../../http/request-context.js';
import { NativeAccess } from '../native-access.js';
import { authenticate, untilMinPosition } from '../native-credentials.js';
import { headerFaults } from '../native-input.js';
import type { Fault } from '../problems/problem.js';
import type { HotRouteContract } from '../routes/hot-routes-contract.js';

const BETWEEN_USES_MS_MIN = 60_000;
const USES_KNOWN_MAX = 10_000;

/** Who calls a hot route, and whether this node may judge anything for them right now. */
export class HotCallers {
  readonly #authenticator: Authenticator;
  readonly access: NativeAccess;
  readonly #usedAt = new Map<TokenId, number>();
  #position = 0n;
  #positionText = '0';

  constructor(private readonly ledger: Ledger) {
    const { credentials, directory, clock, progress } = ledger;
    this.#authenticator = new Authenticator(credentials, directory, clock, progress);
    this.access = new NativeAccess(directory);
  }

  /** Whether there is something to wait for before credentials may be judged. */
  mustWait(request: FastifyRequest): boolean {
    return (
      this.ledger.progress.mustNotJudge || request.headers['ledger-min-position'] !== undefined
    );
  }

  /** Waits, bounded, for all of that. @throws Failed `BEHIND` */
  async wait(request: FastifyRequest): Promise<void> {
    const { progress, projector } = this.ledger;
    await untilMinPosition(request, progress, (position, timeoutMs) =>
      projector.reached(position, timeoutMs),
    );
    await this.#authenticator.untilJudgeable();
  }

  /** The caller, who may use the route. Tells the position that is judged at. @throws Refusal */
  admit(request: FastifyRequest, reply: FastifyReply, { access }: HotRouteContract): Caller {
    reply.header('ledger-position', this.position());
    const caller = authenticate(request, this.#authenticator);
    this.access.check(access, caller, undefined, request.id);
    return caller;
  }

  /** The position that read models hold, as text. */
  position(): string {
    const { position } = this.ledger.progress;
    if (position !== this.#position) {
      this.#position = position;
      this.#positionText = String(position);
    }
    return this.#positionText;
  }

  /** A use of the calling token; the token that is asked about is not used by being asked about. */
  recordUse(caller: Caller, request: FastifyRequest, now: Timestamp): void {
    if (caller.kind !== 'token') return;
    const { tokenId, orgId } = caller.token;
    const nowMs = epochMs(now);
    const last = this.#usedAt.get(tokenId);
    if (last !== undefined && nowMs - last < BETWEEN_USES_MS_MIN) return;
    if (this.#usedAt.size >= USES_KNOWN_MAX) this.#usedAt.clear();
    this.#usedAt.set(tokenId, nowMs);
    const { secretId } = caller.secret;
    this.ledger.uses.record({ tokenId, orgId, secretId }, chargeContext(request, caller));
  }
}

/** What is wrong with the request beside its body. */
export function requestFaults(
  request: FastifyRequest,
  contract: HotRouteContract,
): readonly Fault[] {
  const faults = [...headerFaults(request, contract)];
  for (const parameter of Object.keys(request.query as object)) {
    faults.push({ parameter, message: 'is not known here' });
  }
  return faults;
}

/**
 * What a charge carries of its request. No address and no user agent: the charge is the gateway's doing,
 * and its caller is nobody whom the log should know.
 *
 * @param part Tells the charges of one request apart, for a repeat that is charged once.
 */
export function chargeContext(
  request: FastifyRequest,
  { principal }: Caller,
  part = '',
): CommandContext {
  const { id: requestId } = request;
  const key = idempotencyKey(request) ?? null;
  if (key === null) return { principal, requestId, correlationId: requestId, dialect: 'native' };
  const path = request.url.split('?', 1)[0]!;
  const body = (request.body as Buffer).toString('utf8');
  const repeat = { key, route: `${request.method} ${path}${part}`, body };
  return { principal, requestId, correlationId: requestId, dialect: 'native', repeat };
}
