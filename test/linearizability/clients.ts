import type { SeededRandom } from '../simulation/random.js';
import type { Call, Operation } from './history.js';

/** One token, as clients call it. */
export interface TokenCalls {
  rotate(): Promise<Operation>;
  revoke(): Promise<Operation>;
  consume(): Promise<Operation>;
  verify(secret: string): Promise<Operation>;
}

const CLIENTS = 8;

/** Lets eight clients call one token at once, and records what each was told and when. */
export async function record(
  token: TokenCalls,
  { secret, calls, random }: { secret: string; calls: number; random: SeededRandom },
): Promise<readonly Call[]> {
  const history: Call[] = [];
  const secrets = [secret];
  let time = 0;
  let left = calls;

  const next = (): Promise<Operation> => {
    const dice = random.between(0, 99);
    // Late, so that there is a life before the end.
    if (dice < 4 && left < calls / 2) return token.revoke();
    if (dice < 25) return token.rotate();
    if (dice < 55) return token.consume();
    const latest = Math.max(0, secrets.length - 3);
    return token.verify(secrets[latest + random.between(0, secrets.length - latest - 1)]!);
  };
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const calledAt = (time += 1);
      const operation = await next();
      history.push({ operation, calledAt, answeredAt: (time += 1) });
      if (operation.kind === 'rotate' && operation.outcome !== 'refused') {
        secrets.push(operation.outcome.secret);
      }
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return history;
}
