import { parseCredential, type CommandContext, type PresentedCredential } from '@ledger/commands';
import type { Timestamp } from '@ledger/domain';
import type { Ledger } from '@ledger/runtime';
import { Authenticator, type Caller } from '../../../http/caller.js';
import type { HttpRequest } from '../../../http/exchange.js';
import { idempotencyKey, isGone } from '../../../http/request-context.js';
import { LedgerPosition } from '../ledger-position.js';
import { NativeAccess } from '../native-access.js';
import { authenticate, untilMinPosition } from '../native-credentials.js';
import { headerFaults } from '../native-input.js';
import type { Fault } from '../problems/problem.js';
import type { HotRouteContract } from '../routes/hot-routes-contract.js';

const CREDENTIALS_KNOWN_MAX = 256;

/** Who calls a hot route, and whether this node may judge anything for them right now. */
export class HotCallers {
  readonly access: NativeAccess;
  readonly #authenticator: Authenticator;
  /** Few gateways call often, so their credentials are parsed and digested once. Judged each time. */
  readonly #parsed = new Map<string, PresentedCredential>();
  readonly #position: LedgerPosition;

  constructor(private readonly ledger: Ledger) {
    const { credentials, directory, clock, progress } = ledger;
    this.#authenticator = new Authenticator(credentials, directory, clock, progress);
    this.access = new NativeAccess(directory);
    this.#position = new LedgerPosition(progress);
  }

  /** Whether there is something to wait for before credentials may be judged. */
  mustWait(request: HttpRequest): boolean {
    return (
      this.ledger.progress.mustNotJudge || request.headers['ledger-min-position'] !== undefined
    );
  }

  /** Waits, bounded, for all of that. @throws Failed `BEHIND` */
  async wait(request: HttpRequest): Promise<void> {
    const { progress, projector } = this.ledger;
    await untilMinPosition(request, progress, (position, timeoutMs) =>
      projector.reached(position, timeoutMs),
    );
    await this.#authenticator.untilJudgeable();
  }

  /** The caller, who may use the route. @throws Refusal */
  admit(request: HttpRequest, { access }: HotRouteContract): Caller {
    const caller = authenticate(request, this.#recognise);
    this.access.check(access, caller, undefined, request.id);
    return caller;
  }

  /** The position that read models hold, as text. */
  position(): string {
    return this.#position.now();
  }

  /** A use of the calling token; the token that is asked about is not used by being asked about. */
  recordUse(caller: Caller, request: HttpRequest, now: Timestamp): void {
    if (caller.kind !== 'token') return;
    const { tokenId, orgId } = caller.token;
    const { secretId } = caller.secret;
    if (!this.ledger.uses.isDue(secretId, now)) return;
    const { repeat: _repeat, ...context } = chargeContext(request, caller);
    this.ledger.uses.record({ tokenId, orgId, secretId }, context);
  }

  readonly #recognise = (secret: string): Caller | null => {
    let presented = this.#parsed.get(secret);
    if (!presented) {
      presented = parseCredential(secret) ?? undefined;
      if (!presented) return null;
    }
    const caller = this.#authenticator.recognise(presented, anyKind);
    // Only what is alive is kept, so that a flood of others pushes nobody out.
    if (!caller) this.#parsed.delete(secret);
    else if (!this.#parsed.has(secret)) {
      if (this.#parsed.size >= CREDENTIALS_KNOWN_MAX) this.#parsed.clear();
      this.#parsed.set(secret, presented);
    }
    return caller;
  };
}

const anyKind = (): boolean => true;

/** What is wrong with the request beside its body. */
export function requestFaults(request: HttpRequest, contract: HotRouteContract): readonly Fault[] {
  const faults = headerFaults(request, contract);
  if (!request.raw.url!.includes('?')) return faults;
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
  request: HttpRequest,
  { principal }: Caller,
  part = '',
): CommandContext {
  const { id: requestId } = request;
  const key = idempotencyKey(request) ?? null;
  const asked = { requestId, correlationId: requestId, isGone: isGone(request) };
  if (key === null) return { principal, ...asked, dialect: 'native' };
  const path = request.url.split('?', 1)[0]!;
  const body = (request.body as Buffer).toString('utf8');
  const repeat = { key, route: `${request.method} ${path}${part}`, body };
  return { principal, ...asked, dialect: 'native', repeat };
}
