import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decide, type Timestamp, type Token, type TokenEvent } from '@ledger/domain';
import type { CommandContext } from './command-context.js';
import type { TokenWithSecret } from './create-token.handler.js';
import { DecideAndAppend } from './decide-and-append.js';
import { Clock } from './ports.js';
import { mintSecret, type Secret } from './secret.js';
import { tokenStream } from './streams.js';
import type { TokenTarget } from './update-token.handler.js';

export interface RotationPolicy {
  readonly graceMs: number;
  readonly closePrevious: boolean;
  /** A new expiry; absent keeps the token's own. */
  readonly expiresAt?: Timestamp | null;
}

/** Envelope: gives a token a new secret, in the format of the token's own dialect. */
export class RotateTokenCommand extends Command<TokenWithSecret> {
  constructor(
    readonly target: TokenTarget,
    readonly policy: RotationPolicy,
    readonly context: CommandContext,
  ) {
    super();
  }
}

@CommandHandler(RotateTokenCommand)
export class RotateTokenHandler implements ICommandHandler<RotateTokenCommand> {
  constructor(
    private readonly ledger: DecideAndAppend,
    private readonly clock: Clock,
  ) {}

  async execute({ target, policy, context }: RotateTokenCommand): Promise<TokenWithSecret> {
    let fresh = mintSecret('native');
    const { outcome, identity } = await this.ledger.execute<Token, TokenEvent>({
      context,
      orgId: target.orgId,
      guessesRepeats: true,
      stream: () => tokenStream(target.tokenId),
      decide: (token, authority, { secretId, seed }) => {
        fresh = mintFor(token, seed);
        const secret = { secretId, digest: fresh.digest, preview: fresh.preview };
        const now = this.clock.now();
        return decide(token, { type: 'RotateToken', ...target, ...policy, secret, now }, authority);
      },
    });
    if (outcome.outcome === 'rejected' || !outcome.repeated) return { outcome, secret: fresh };
    return { outcome, secret: mintFor(outcome.state, identity.seed) };
  }
}

/** A secret in the token's own format. An absent token is refused, so that its secret does not matter. */
function mintFor(token: Token, seed: Buffer | undefined): Secret {
  if (token.status === 'absent') return mintSecret('native');
  return mintSecret(token.dialect, { seed, publicId: token.publicId });
}
