import { DecideAndAppend, type Outcome, type RequestIdentity, type Write } from '@ledger/commands';
import type { LedgerEvent } from '@ledger/domain';
import { StoreUnavailable } from '@ledger/event-store';

/** The write path where the log is far away: whatever its steps add up to, the caller is answered in time. */
export class PromptDecideAndAppend extends DecideAndAppend {
  constructor(
    private readonly answerMsMax: number,
    ...parts: ConstructorParameters<typeof DecideAndAppend>
  ) {
    super(...parts);
  }

  override execute<State, Event extends LedgerEvent>(
    write: Write<State, Event>,
  ): Promise<{ readonly outcome: Outcome<State, Event>; readonly identity: RequestIdentity }> {
    return within(this.answerMsMax, super.execute(write));
  }
}

/** Waits for work that goes on in any case. @throws StoreUnavailable When it takes longer: the outcome is unknown. */
export function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new StoreUnavailable(`the store took longer than ${ms} ms: the outcome is unknown`));
    }, ms);
    void work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
