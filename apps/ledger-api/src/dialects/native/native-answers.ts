import { Injectable } from '@nestjs/common';
import { Clock, type Outcome } from '@ledger/commands';
import type {
  KnownToken,
  LedgerEvent,
  Rejection,
  Timestamp,
  Token,
  TokenEvent,
} from '@ledger/domain';
import { QuotaStandings } from '@ledger/read-models';
import type { Refusal } from '../../http/answer.js';
import type { NativeReply } from './native-request.js';
import { refuse } from './problems/rejections.js';
import { policyWindow } from './quota-headers.js';
import { tokenView, type TokenView } from './token-mapper.js';

/** What controllers of the native API answer with. */
@Injectable()
export class NativeAnswers {
  constructor(
    private readonly quotas: QuotaStandings,
    private readonly clock: Clock,
  ) {}

  /** A token as it stands at `now`. */
  token(token: KnownToken, now: Timestamp = this.clock.now()): TokenView {
    return tokenView(token, this.quotas.lastUsedAt(token.tokenId), now);
  }

  /** The token after a command; tells the position that it was written at. @throws Refusal */
  accepted(outcome: Outcome<Token, TokenEvent>, requestId: string, reply: NativeReply): KnownToken {
    return this.state(outcome, requestId, reply) as KnownToken;
  }

  /** The state after a command; tells the position that it was written at. @throws Refusal */
  state<State, Event extends LedgerEvent>(
    outcome: Outcome<State, Event>,
    requestId: string,
    reply: NativeReply,
  ): State {
    if (outcome.outcome === 'rejected') throw this.refused(outcome.rejection, requestId);
    reply.header('ledger-position', String(outcome.position));
    return outcome.state;
  }

  refused(rejection: Rejection, requestId: string): Refusal {
    const now = this.clock.now();
    const { resetAt } = this.quotas.at('', null, now);
    const { name: quotaPolicy } = policyWindow(this.quotas.windowAt(now), resetAt);
    return refuse(rejection, { requestId, nowMs: Date.parse(now), quotaPolicy });
  }
}
